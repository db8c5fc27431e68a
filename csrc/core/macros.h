// What the compilers need to be told, in one place.
#pragma once

#if defined(__CUDACC__)
#define ADVSPUR_HD __host__ __device__ __forceinline__
#else
#define ADVSPUR_HD inline __attribute__((always_inline))
#endif

// Inner loops are compiled three times and the best is chosen when the module loads. Everything such a loop
// calls must be ADVSPUR_HD (forced inline), or it would run as the baseline clone.
// Sanitizers start after the resolvers run, so sanitizer builds do without.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__CUDACC__) && \
    !defined(ADVSPUR_NO_CLONES)
#define ADVSPUR_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define ADVSPUR_CLONES
#endif
