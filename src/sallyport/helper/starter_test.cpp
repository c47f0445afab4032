#include <sallyport/helper/starter.hpp>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include <sallyport/helper/helper_test.hpp>

namespace sallyport::helper {
namespace {

using enum request_kind;

class HelperStarter : public ::testing::Test {
protected:
    [[nodiscard]] int ask(const request& r, std::vector<unique_fd> descriptors = {}) {
        return made.handle(r, descriptors).text.os;
    }
    [[nodiscard]] int ask(const request& r, unique_fd descriptor) { return ask(r, list_of(std::move(descriptor))); }
    [[nodiscard]] static request down(std::string_view name) {
        request r{.kind = add_down_backend};
        std::ranges::copy(name, r.text.begin());
        return r;
    }

    starter made{"/nonexistent", sigset_t{}};
};

TEST_F(HelperStarter, RefusesOtherKinds) {
    for (const unsigned kind : {0U, 100U, 0xffffffffU}) EXPECT_EQ(ask({.kind = static_cast<request_kind>(kind)}), EINVAL);
    for (const auto kind : {open_file, find_table, add_closing, remaining_time}) EXPECT_EQ(ask({.kind = kind}), EINVAL);
}

TEST_F(HelperStarter, RefusesAnotherNumberOfDescriptors) {
    for (const auto kind : {clear_successor, add_down_backend, end_successor, successor_status})
        EXPECT_EQ(ask({.kind = kind}, listening_socket()), EINVAL);
    for (const auto kind : {add_socket, start_successor}) {
        EXPECT_EQ(ask({.kind = kind}), EINVAL);
        EXPECT_EQ(ask({.kind = kind}, list_of(listening_socket(), listening_socket())), EINVAL);
    }
}

TEST_F(HelperStarter, AddsOnlyListeningTcpSockets) {
    EXPECT_EQ(ask({.kind = add_socket}, listening_socket()), 0);
    EXPECT_EQ(ask({.kind = add_socket}, socket_of(AF_INET, SOCK_STREAM)), EPERM);
    EXPECT_EQ(ask({.kind = add_socket}, socket_of(AF_INET, SOCK_DGRAM)), EPERM);
    EXPECT_EQ(ask({.kind = add_socket}, socket_of(AF_UNIX, SOCK_STREAM)), EPERM);
    EXPECT_EQ(ask({.kind = add_socket}, unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC))), EPERM);
}

TEST_F(HelperStarter, AddsOnlyNames) {
    EXPECT_EQ(ask(down("ftp://10.0.0.1:21")), 0);
    EXPECT_EQ(ask(down("")), EINVAL);
    EXPECT_EQ(ask(down("two words")), EINVAL);
    EXPECT_EQ(ask(down("line\nLISTEN_PID=1")), EINVAL);
    EXPECT_EQ(ask(down("\x80")), EINVAL);
    request endless{.kind = add_down_backend};
    endless.text.fill('a');
    EXPECT_EQ(ask(endless), EINVAL);
    for (std::size_t i = 1; i < max_down_backends; ++i) EXPECT_EQ(ask(down("a")), 0);
    EXPECT_EQ(ask(down("a")), ENOSPC);
}

TEST_F(HelperStarter, StartsAProgramWithAUnixSocketOnly) {
    EXPECT_EQ(ask({.kind = start_successor}, listening_socket()), EPERM);
    EXPECT_EQ(ask({.kind = start_successor}, unique_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC))), EPERM);
}

TEST_F(HelperStarter, EndsNoProcessThatItDidNotStart) {
    EXPECT_EQ(ask({.kind = end_successor}), ESRCH);
    EXPECT_EQ(ask({.kind = successor_status}), ESRCH);
}

}  // namespace
}  // namespace sallyport::helper
