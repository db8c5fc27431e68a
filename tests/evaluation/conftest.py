import sys
from pathlib import Path

# spawned workers import the toys by name, and inherit this path
sys.path.insert(0, str(Path(__file__).parent))
