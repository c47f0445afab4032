#pragma once
// Writes lines to a file, a socket or a descriptor in a thread of its own: spdlog's asynchronous logger with a bounded
// queue.
//
// write() and reopen() never wait for a disk or for the reader of a pipe. If the queue is full, the oldest line is dropped.
// Lines that are dropped or cannot be written are counted, and the count is reported at most once per second, once the file
// can be written again. Lines are not buffered: each is written as soon as it leaves the queue.
//
// Owned by its user. All functions are safe from any thread. The destructor does not wait either: the thread of a writer
// that is blocked stays alive with its data until it can continue, or until the process ends.

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
        // Name of the thread, at most 15 bytes.
        std::string thread;
        // Format of a line, in spdlog's notation; "%v" is the text alone.
        std::string pattern = "%v";
        // Capacity of the queue in lines.
        std::size_t queue = 0;
        /// Receives messages about this writer: how many lines were lost, and why. Called in the writer's thread; must not
        /// throw. If it is empty, the messages are written between the lines.
        std::function<void(std::string_view line)> report{};
        /// Makes a line of such a message, without `report`. If it is empty, the message is the line. May throw
        /// std::bad_alloc.
        std::function<std::string(log::level at, std::string_view text)> message{};
    };

    /// Appends to the file, which is created with mode 0640 if it does not exist. A socket gets each line as a datagram. An
    /// error contains only the errno.
    [[nodiscard]] static result<std::unique_ptr<line_writer>> open(std::string file, setup settings);
    /// Writes to an open descriptor, which is called `name` in messages.
    line_writer(unique_fd opened, std::string name, setup settings);
    ~line_writer();
    line_writer(const line_writer&) = delete;
    line_writer& operator=(const line_writer&) = delete;

    void write(log::level at, std::string_view text) noexcept;
    /// Writes the text to standard error, unformatted, in the order of the queue.
    void print(std::string_view text) noexcept;
    /// Reopens the file by its name, or connects again, after the lines that were queued before. If that fails, the old file
    /// stays in use.
    void reopen() noexcept;
    /// Waits until all lines are written. Returns false if they are not by `until`.
    [[nodiscard]] bool flush(std::chrono::steady_clock::time_point until) noexcept;
    [[nodiscard]] std::uint64_t lost() const noexcept;

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace sallyport
