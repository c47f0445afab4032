#pragma once
// A progress line on a terminal: name, percentage, bar, rate, remaining time. Prints nothing if standard error is not a
// terminal. Owned by the transfer; one thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sallyport::cli {

/// "1.5 MiB".
[[nodiscard]] std::string readable_size(double bytes);
/// "0:07", "12:34", "1:02:03".
[[nodiscard]] std::string readable_time(std::chrono::seconds time);

/// The line, at most `width` columns. `start` bytes had been transferred before; `elapsed` is the time since then.
[[nodiscard]] std::string progress_line(std::string_view name, std::uint64_t done, std::optional<std::uint64_t> size,
                                        std::uint64_t start, std::chrono::milliseconds elapsed, std::size_t width);

class progress_bar {
public:
    using clock = std::chrono::steady_clock;

    progress_bar(std::string name, bool wanted);
    ~progress_bar();
    progress_bar(const progress_bar&) = delete;
    progress_bar& operator=(const progress_bar&) = delete;

    /// Of what moves now.
    void rename(std::string name) { name_ = std::move(name); }
    /// Draws at most ten times a second.
    void update(std::uint64_t done, std::optional<std::uint64_t> size);
    /// Draws the last state and ends the line.
    void finish();

private:
    void draw();

    std::string name_;
    bool shown_;
    bool is_drawn_ = false;
    /// Position of the first update.
    std::optional<std::uint64_t> start_;
    std::uint64_t done_ = 0;
    std::optional<std::uint64_t> size_;
    clock::time_point started_at_ = clock::now();
    clock::time_point next_{};
};

}  // namespace sallyport::cli
