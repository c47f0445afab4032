#pragma once
// The replies of a session on their way out: as bytes that collect until the driver sends them, and as lines for the log.
// A value; one thread.

#include <functional>
#include <string>
#include <string_view>

#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class reply_writer {
public:
    /// Without TLS the bytes are Telnet, and 0xFF is doubled (RFC 959 section 4.1.3).
    void write(const reply& r, bool tls);
    /// Bytes that are no reply: answers to Telnet's negotiations.
    void append(std::string_view bytes) { output_ += bytes; }

    [[nodiscard]] const std::string& output() const noexcept { return output_; }
    /// Swaps output() into `into`, whose old content is dropped.
    void release_output(std::string& into) noexcept;
    /// The code of the last reply.
    [[nodiscard]] int last_code() const noexcept { return last_code_; }

    /// `trace` gets each line: "< " replies, and "> " commands, with secrets masked, from show_command(). Text of a peer is
    /// not escaped in it.
    void set_trace(std::move_only_function<void(std::string_view line)> trace) { trace_ = std::move(trace); }
    void show_command(std::string_view line);

private:
    std::string output_;
    std::move_only_function<void(std::string_view line)> trace_;
    int last_code_ = 0;
};

}  // namespace sallyport::proto
