#pragma once
// Test support: waits for a condition that another thread fulfills. A function for any thread.

#include <chrono>
#include <thread>

namespace sallyport::testing {

/// Polls until `holds()` is true; false if it is not after ten seconds.
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
