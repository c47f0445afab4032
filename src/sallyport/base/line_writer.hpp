#pragma once
// Lines that a thread of its own writes to a file or a descriptor: spdlog's asynchronous logger with a bounded queue.
//
// write() and reopen() never wait, not for a disk and not for the reader of a pipe. Where the queue is full, its oldest line
// is dropped. What is dropped or can't be written is counted, and the count is reported at most once a second, as soon as
// the file takes lines again. Every line is handed to the system as soon as it leaves the queue: nothing waits for a buffer
// to fill.
//
// Owned by its user. All functions are safe from any thread. The destructor doesn't wait either: a writer that is
// stuck lives on with what it needs until it gets free, or the process ends.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport {

class line_writer {
public:
    struct setup {
        // Its name, 15 bytes at most.
        std::string thread;
        // Of a line, as spdlog has it; "%v" is the text alone.
        std::string pattern = "%v";
        // Lines.
        std::size_t queue = 0;
        /// Gets lines about this writer: how many of its lines are lost, and why. Called in the writer's thread; must not
        /// throw. Without it they are written among the lines themselves.
        std::function<void(std::string_view line)> report{};
    };

    /// Appends to the file, which is created with mode 0640 if there is none. The error has the system's number alone.
    [[nodiscard]] static result<std::unique_ptr<line_writer>> open(std::string file, setup settings);
    /// Writes to what is already open; `name` stands for it in reports.
    line_writer(unique_fd opened, std::string name, setup settings);
    ~line_writer();
    line_writer(const line_writer&) = delete;
    line_writer& operator=(const line_writer&) = delete;

    void write(log::level at, std::string_view text) noexcept;
    /// Writes the text and nothing else to standard error, in its turn.
    void print(std::string_view text) noexcept;
    /// Opens the file again by its name after the lines that were written until now. Where that fails, the old one stays.
    void reopen() noexcept;
    /// Waits until all lines are written; false where that takes longer than `until`.
    [[nodiscard]] bool flush(std::chrono::steady_clock::time_point until) noexcept;
    [[nodiscard]] std::uint64_t lost() const noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace sallyport
