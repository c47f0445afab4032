#pragma once
// Test support: "testing::Test" means GoogleTest's where sallyport::testing is declared too, which depends on the files of a
// batch. Precompiled with GoogleTest's headers for every test.

#include <gtest/gtest.h>

namespace sallyport::testing {
using namespace ::testing;
}
