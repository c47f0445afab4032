#include <sallyport/net/descriptor_usage.hpp>

#include <algorithm>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/net/interfaces.hpp>

namespace sallyport::net {
namespace {

TEST(descriptor_usage_test, RX02_counts_what_is_open) {
    const auto before = descriptor_usage::of_process();
    const unique_fd one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const auto after = descriptor_usage::of_process();
    EXPECT_EQ(after.in_use, before.in_use + 1);
    EXPECT_EQ(after.free() + 1, before.free());
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    EXPECT_EQ(after.limit, limit.rlim_cur);
    EXPECT_EQ((descriptor_usage{.limit = 10, .in_use = 11}.free()), 0U) << "a limit may be lowered below what is open";
}

TEST(interfaces_test, loopback_is_among_them) {
    EXPECT_TRUE(std::ranges::any_of(interface_addresses(), &ip_address::is_loopback));
}

}  // namespace
}  // namespace sallyport::net
