#pragma once
// Test support: waiting for what another thread brings about.

#include <chrono>
#include <thread>

namespace sallyport::testing {

/// Looks again and again until `holds()`; false where it still doesn't after ten seconds.
template <class Condition>
[[nodiscard]] bool eventually(Condition holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!holds()) {
        if (std::chrono::steady_clock::now() > deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
}

}  // namespace sallyport::testing
