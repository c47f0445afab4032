#include <sallyport/helper/channel.hpp>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace sallyport::helper {
namespace {

constexpr auto whenever = std::chrono::steady_clock::time_point::max();

[[nodiscard]] int receive_reply(int socket, response& into) {
    auto got = receive_packet(socket, bytes_of(into.text));
    if (got.os != 0) return got.os;
    into.descriptor = got.descriptors.empty() ? unique_fd() : std::move(got.descriptors.front());
    return got.size == sizeof into.text ? 0 : EPIPE;
}

/// Whether something can be received by that time.
[[nodiscard]] bool arrives(int socket, std::chrono::steady_clock::time_point until) {
    pollfd one{.fd = socket, .events = POLLIN, .revents = 0};
    for (;;) {
        const auto left =
            std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(until - std::chrono::steady_clock::now()));
        const timespec limit{.tv_sec = left / std::chrono::seconds(1), .tv_nsec = (left % std::chrono::seconds(1)).count()};
        const int ready = ::ppoll(&one, 1, &limit, nullptr);
        if (ready >= 0 || errno != EINTR) return ready != 0;
    }
}

}  // namespace

std::string_view text_of(const reply& r) noexcept {
    return {r.text.data(), static_cast<std::size_t>(std::ranges::find(r.text, '\0') - r.text.begin())};
}

channel::channel(unique_fd socket, std::chrono::seconds limit) : socket_(std::move(socket)) {
    const timeval of_system{.tv_sec = limit.count(), .tv_usec = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &of_system, sizeof of_system);
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &of_system, sizeof of_system);
}

result<response> channel::ask_all(std::span<const message> all, std::string_view what) {
    const std::scoped_lock lock(mutex_);
    send(all);
    (void)receive(whenever);
    return outcome(what);
}

std::optional<result<response>> channel::ask_all_within(std::span<const message> all, std::string_view what,
                                                        std::chrono::microseconds moment) {
    const std::scoped_lock lock(mutex_);
    send(all);
    if (!receive(std::chrono::steady_clock::now() + moment)) return std::nullopt;
    return outcome(what);
}

result<response> channel::finish(std::string_view what) {
    const std::scoped_lock lock(mutex_);
    (void)receive(whenever);
    return outcome(what);
}

void channel::send(std::span<const message> all) {
    os_ = socket_ ? 0 : EPIPE;
    awaited_ = !all.empty();
    for (auto one = all.begin(); os_ == 0 && one != all.end(); ++one) {
        const std::span content(reinterpret_cast<const char*>(&one->content), sizeof one->content);
        os_ = send_packet(socket_.get(), content, {one->descriptors.data(), one->count});
    }
}

bool channel::receive(std::chrono::steady_clock::time_point until) {
    if (os_ != 0 || !awaited_) return true;
    if (until != whenever && !arrives(socket_.get(), until)) return false;
    os_ = receive_reply(socket_.get(), reply_);
    awaited_ = false;
    return true;
}

result<response> channel::outcome(std::string_view what) {
    if (os_ != 0) {
        // A late reply would be taken for that of the next request.
        socket_.reset();
        return fail_os(os_, fmt::format("{}: the helper process does not respond; restart the daemon", what));
    }
    auto out = std::exchange(reply_, {});
    if (out.text.os == 0) return out;
    return fail_os(out.text.os, std::string(text_of(out.text).empty() ? what : text_of(out.text)));
}

void channel::close() {
    const std::scoped_lock lock(mutex_);
    socket_.reset();
}

}  // namespace sallyport::helper
