#pragma once
// What `top` shows: the sessions of a daemon as lines for a terminal of some size, from its status. Values and pure
// functions; any thread. The lines have no control characters, whatever the names of files and users are (IN-09).

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/terminal.hpp>

namespace sallyport::cli {

enum class top_order : std::uint8_t { rate, bytes, age, idle, user, client, backend };

struct top_order_names {
    top_order order;
    // The value of --sort.
    std::string_view value;
    std::string_view key;
    // In texts.
    std::string_view name;
};
inline constexpr auto top_orders = std::to_array<top_order_names>({{top_order::rate, "rate", "r", "rate"},
                                                                   {top_order::bytes, "bytes", "t", "bytes"},
                                                                   {top_order::age, "age", "a", "age"},
                                                                   {top_order::idle, "idle", "i", "idle time"},
                                                                   {top_order::user, "user", "u", "user"},
                                                                   {top_order::client, "client", "c", "client"},
                                                                   {top_order::backend, "backend", "b", "backend"}});

/// Which sessions are shown: those that have each of these texts.
struct top_filter {
    // In the user's name, the client's address or the backend's.
    std::vector<std::string> anywhere{};
    std::vector<std::string> user{};
    std::vector<std::string> client{};
    std::vector<std::string> backend{};

    /// "user=bob client=192.0.2. text", with blanks between them.
    [[nodiscard]] static result<top_filter> parse(std::string_view text);
};

struct top_view {
    top_order order = top_order::rate;
    bool reversed = false;
    top_filter filter{};
    // For the heading: what the filter was made from.
    std::string filter_text{};
    // How many sessions above the screen are skipped.
    std::size_t skipped = 0;
    // In place of the keys; empty: none.
    std::string message{};
};

/// The bytes per second of running transfers, by the session's ID.
using transfer_rates = std::map<std::string, double, std::less<>>;
/// From what has moved between two states of the daemon; since its start for a transfer that began in between.
[[nodiscard]] transfer_rates rates_between(const boost::json::object& before, const boost::json::object& now,
                                           std::chrono::duration<double> passed);
/// The mean of each transfer since its start.
[[nodiscard]] transfer_rates mean_rates(const boost::json::object& now);

struct top_screen {
    // At most as many as there are rows, and none with more columns.
    std::vector<std::string> lines;
    // The line with the names of the columns.
    std::size_t heading = 0;
    // Sessions that the filter permits, and those that fit on the screen.
    std::size_t matching = 0;
    std::size_t page = 0;
};

/// `status` comes from status::status_json().
[[nodiscard]] top_screen render_top(const boost::json::object& status, const transfer_rates& rates, screen_size size,
                                    const top_view& view);

}  // namespace sallyport::cli
