// Atomic functions: each returns the old value. Fibers never interrupt each other; threads need real ones.
#pragma once

namespace shim {

template <class T> struct Same { using type = T; };
template <class T> using Value = typename Same<T>::type;  // a parameter that the pointer's type decides

template <class T, class F> T update(T* at, F f) {
#ifdef CUDA_ON_CPU_THREADS
    T old, replacement;
    __atomic_load(at, &old, __ATOMIC_RELAXED);
    do replacement = f(old);
    while (!__atomic_compare_exchange(at, &old, &replacement, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return old;
#else
    T old = *at;
    *at = f(old);
    return old;
#endif
}

}  // namespace shim

#define CUDA_ON_CPU_ATOMIC(name, result) \
    template <class T> T name(T* at, shim::Value<T> v) { return shim::update(at, [v](T old) -> T { return result; }); }
CUDA_ON_CPU_ATOMIC(atomicAdd, old + v)
CUDA_ON_CPU_ATOMIC(atomicSub, old - v)
CUDA_ON_CPU_ATOMIC(atomicMin, v < old ? v : old)
CUDA_ON_CPU_ATOMIC(atomicMax, old < v ? v : old)
CUDA_ON_CPU_ATOMIC(atomicAnd, old & v)
CUDA_ON_CPU_ATOMIC(atomicOr, old | v)
CUDA_ON_CPU_ATOMIC(atomicXor, old ^ v)
CUDA_ON_CPU_ATOMIC(atomicExch, v)
CUDA_ON_CPU_ATOMIC(atomicInc, old >= v ? 0 : old + 1)
CUDA_ON_CPU_ATOMIC(atomicDec, old == 0 || old > v ? v : old - 1)

template <class T> T atomicCAS(T* at, shim::Value<T> expected, shim::Value<T> v) {
    return shim::update(at, [=](T old) -> T { return old == expected ? v : old; });
}

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
