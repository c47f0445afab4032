#pragma once
// Test support: whether this is a build with AddressSanitizer or ThreadSanitizer. They need address space and system calls
// of their own, and end the process at a failed allocation. g++ and clang define it in different ways.

namespace sallyport::testing {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_sanitized = true;
#elif defined(__has_feature)
inline constexpr bool is_sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool is_sanitized = false;
#endif

}  // namespace sallyport::testing
