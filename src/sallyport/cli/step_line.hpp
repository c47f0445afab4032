#pragma once
// A line on the terminal with what a session waits for, before the first byte has moved: "trying PASV, 3 s". Prints nothing
// if standard error is not a terminal. Owned by the command, which outlives the session; the thread of the session's loop.

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <sallyport/client/client.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::cli {

/// "logging in"; empty while data move, which the progress bar shows.
[[nodiscard]] std::string step_text(const client::activity& current);

class step_line {
public:
    explicit step_line(bool wanted);
    ~step_line() { end(); }
    step_line(const step_line&) = delete;
    step_line& operator=(const step_line&) = delete;

    [[nodiscard]] bool is_wanted() const noexcept { return wanted_; }
    /// Draws a step that has lasted for a second.
    void show(const std::optional<client::activity>& current);
    /// Removes the line, and shows nothing more.
    void end();

private:
    bool wanted_;
    bool is_drawn_ = false;
    std::optional<client::activity> step_;
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

/// Shows the steps until the line or the session ends.
net::task<> show_steps(net::loop& loop, std::weak_ptr<const client::session> of, step_line& shown);

}  // namespace sallyport::cli
