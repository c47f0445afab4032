#pragma once
// The outgoing replies of a session: as bytes to send, and as lines for the log.
//
// A value, owned by the server machine; one thread.

#include <functional>
#include <string>
#include <string_view>

#include <sallyport/proto/reply.hpp>

namespace sallyport::proto {

class reply_writer {
public:
    /// Without TLS the connection is Telnet, and 0xFF is doubled (RFC 959, section 4.1.3).
    void write(const reply& r, bool tls);
    /// Writes a reply of several lines in pieces; write() of a reply with the same code ends it.
    void write_first_line(int code, std::string_view first, bool tls);
    /// `lines` end with CR LF each.
    void write_inner_lines(std::string_view lines, bool tls);
    /// Adds bytes that are not a reply: answers to Telnet negotiations.
    void append(std::string_view bytes) { output_ += bytes; }

    [[nodiscard]] const std::string& output() const noexcept { return output_; }
    /// Swaps output() with `into`, whose old content is discarded.
    void release_output(std::string& into) noexcept;
    /// The code of the last reply.
    [[nodiscard]] int last_code() const noexcept { return last_code_; }

    /// `trace` gets each line: "< " and a reply, or "> " and a command with secrets masked, from show_command(). The text of
    /// the peer is not escaped.
    void set_trace(std::move_only_function<void(std::string_view line)> trace) { trace_ = std::move(trace); }
    void show_command(std::string_view line);

private:
    template <class Append>
    void add(bool tls, Append append);
    void trace_lines(std::string_view lines);

    std::string output_;
    std::move_only_function<void(std::string_view line)> trace_;
    int last_code_ = 0;
};

}  // namespace sallyport::proto
