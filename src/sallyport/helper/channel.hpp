#pragma once
// One connection of the daemon with its helper process: requests and their replies.
//
// Owned by the helper's client and by what it returns. Any thread: one request waits for the other. Each waits for the
// helper, which needs microseconds for most requests.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/helper/packet.hpp>
#include <sallyport/helper/request.hpp>

namespace sallyport::helper {

/// A request with descriptors, which the caller owns.
struct message {
    request content;
    std::array<int, max_descriptors> descriptors{};
    std::size_t count = 0;

    message(const request& r, std::initializer_list<int> with) : content(r), count(with.size()) {
        std::ranges::copy(with, descriptors.begin());
    }
};

struct response {
    reply text;
    unique_fd descriptor;
};

[[nodiscard]] std::string_view text_of(const reply& r) noexcept;

class channel {
public:
    /// A request fails if there is no reply within this time, and so do all later ones. 0: it waits until the helper ends.
    channel(unique_fd socket, std::chrono::seconds limit);

    /// Sends a request and returns the reply. `what`: the purpose, for the error text if the reply has
    /// none.
    [[nodiscard]] result<response> ask(const message& one, std::string_view what) { return ask_all({&one, 1}, what); }
    /// Sends all messages of a transaction and returns the reply to the last one, the only one that has a reply.
    [[nodiscard]] result<response> ask_all(std::span<const message> all, std::string_view what);
    /// The same for a caller that can wait for a moment only. Nothing: the reply takes longer, and the next call is
    /// finish().
    [[nodiscard]] std::optional<result<response>> ask_all_within(std::span<const message> all, std::string_view what,
                                                                 std::chrono::microseconds moment);
    /// Waits for the reply to what ask_all_within() has sent.
    [[nodiscard]] result<response> finish(std::string_view what);
    /// All requests fail from now on. It is the end of the helper's side.
    void close();

private:
    void send(std::span<const message> all);
    /// False if the replies have not arrived by that time.
    [[nodiscard]] bool receive(std::chrono::steady_clock::time_point until);
    [[nodiscard]] result<response> outcome(std::string_view what);

    std::mutex mutex_;
    unique_fd socket_;
    // The request: whether its reply is still to come, that reply, and the errno of a failure.
    bool awaited_ = false;
    response reply_;
    int os_ = 0;
};

}  // namespace sallyport::helper
