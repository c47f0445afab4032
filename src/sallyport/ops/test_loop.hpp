#pragma once
// An event loop for tests that run it on a thread of their own.

#include <thread>

#include <gtest/gtest.h>

#include <sallyport/net/loop.hpp>

namespace sallyport::ops {

/// A fixture with one loop. A fixture derived from it calls stop() before what lives on the loop is destroyed.
class loop_test : public testing::Test {
protected:
    ~loop_test() override { stop(); }
    void run() {
        runner_ = std::thread([this] { loops.run(); });
    }
    void stop() {
        if (!runner_.joinable()) return;
        loops.stop();
        runner_.join();
    }

    net::loop_group loops{1};

private:
    std::thread runner_;
};

}  // namespace sallyport::ops
