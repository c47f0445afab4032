#include <sallyport/helper/channel.hpp>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace sallyport::helper {
namespace {

[[nodiscard]] int receive(int socket, response& into) {
    auto got = receive_packet(socket, bytes_of(into.text));
    if (got.os != 0) return got.os;
    into.descriptor = got.descriptors.empty() ? unique_fd() : std::move(got.descriptors.front());
    return got.size == sizeof into.text ? 0 : EPIPE;
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

// The socket has room for the replies to a transaction, which are received after all of its changes were sent.
result<response> channel::ask_all(std::span<const message> all, std::string_view what) {
    const std::scoped_lock lock(mutex_);
    response out;
    int os = socket_ ? 0 : EPIPE;
    for (auto one = all.begin(); os == 0 && one != all.end(); ++one) {
        const std::span content(reinterpret_cast<const char*>(&one->content), sizeof one->content);
        os = send_packet(socket_.get(), content, {one->descriptors.data(), one->count});
    }
    for (std::size_t i = 0; os == 0 && i < all.size(); ++i) os = receive(socket_.get(), out);
    if (os != 0) {
        // A late reply would be taken for that of the next request.
        socket_.reset();
        return fail_os(os, fmt::format("{}: the helper process does not respond; restart the daemon", what));
    }
    if (out.text.os == 0) return out;
    return fail_os(out.text.os, std::string(text_of(out.text).empty() ? what : text_of(out.text)));
}

void channel::close() {
    const std::scoped_lock lock(mutex_);
    socket_.reset();
}

}  // namespace sallyport::helper
