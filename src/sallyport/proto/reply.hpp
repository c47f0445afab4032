#pragma once
// FTP replies (RFC 959 section 4.2): the value, the writer, and the parser for what servers send.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/proto/line_buffer.hpp>

namespace sallyport::proto {

struct reply {
    int code = 0;                    // 100..659
    std::vector<std::string> lines;  // text of each line, at least one; the reply's own code is taken off, blanks are kept

    [[nodiscard]] bool preliminary() const noexcept { return code / 100 == 1; }
    [[nodiscard]] bool positive() const noexcept { return code / 100 == 2; }
    [[nodiscard]] bool intermediate() const noexcept { return code / 100 == 3; }
    [[nodiscard]] bool transient() const noexcept { return code / 100 == 4; }
    [[nodiscard]] bool permanent() const noexcept { return code / 100 == 5; }
    [[nodiscard]] bool protected_reply() const noexcept { return code / 100 == 6; }  // RFC 2228; never legal here
    /// It offers a passive port: 227, 228 (RFC 1639) and 229 count only in reply to the command that asks for one (GW-02).
    [[nodiscard]] bool offers_port() const noexcept { return code >= 227 && code <= 229; }
    /// The first line's text.
    [[nodiscard]] const std::string& text() const noexcept { return lines.front(); }
    /// The text of all lines as one, for messages: the reason may stand in any of them. Shortened to 500 bytes.
    [[nodiscard]] std::string full_text() const;

    friend bool operator==(const reply&, const reply&) = default;
};

/// One of a single line that is made here.
struct local_reply {
    int code = 0;
    std::string text;

    friend bool operator==(const local_reply&, const local_reply&) = default;
};

/// Runs `parse` over the lines of a reply until it finds something. A server may put the number or the words that answer
/// a command into any line of its reply. What is returned is what `parse` returns: a result or an optional, of the first
/// line where it found nothing at all. REQUIRES: the reply is that to the command which asks for it (GW-02).
template <class Parse>
[[nodiscard]] auto search_lines(const reply& r, const Parse& parse) {
    auto found = parse(std::string_view(r.lines.front()));
    for (std::size_t i = 1; !found && i < r.lines.size(); ++i) {
        if (auto here = parse(std::string_view(r.lines[i]))) found = std::move(here);
    }
    return found;
}

/// Appends "code text\r\n". CR, LF and NUL in `text` become '?', so foreign text can't forge a line (IN-07).
void append_reply(std::string& out, int code, std::string_view text);

/// Appends a multi-line reply: "code-first", inner lines indented by a blank where they have none (GW-02), "code last".
void append_reply(std::string& out, int code, std::string_view first, const std::vector<std::string>& inner,
                  std::string_view last);

/// Appends a reply as it was parsed, canonically: what a gateway sends on.
void append_reply(std::string& out, const reply& r);

/// Bytes of a server in, replies out. Strict where it matters: a multi-line reply ends only at its own code, followed by a
/// blank or by nothing. Lenient where servers are known to differ: LF alone or CR CR LF ends a line, a line of only the code
/// is a reply, and blank lines between replies mean nothing.
/// After an error the parser stays in error: the connection can't be trusted any more.
class reply_parser {
public:
    enum class status : unsigned char { reply, need_more, error };

    reply_parser();

    void append(std::string_view bytes);
    /// On `reply`, `out` is filled. On `error`, failure() says why: errc::syntax or errc::too_long (CL-03).
    status next(reply& out);
    [[nodiscard]] const error& failure() const noexcept { return failure_; }
    [[nodiscard]] std::size_t pending() const noexcept { return buffer_.pending() + partial_bytes_; }
    /// No reply has begun: what is pending, if anything, belongs to blank lines.
    [[nodiscard]] bool only_blank() const noexcept { return partial_.code == 0 && buffer_.pending() <= blank_tail_; }
    void clear() noexcept;

private:
    bool begin(std::string_view line);  // both: true once partial_ is whole
    bool add(std::string_view line);
    status refuse(errc code, std::string why);

    line_buffer buffer_;
    reply partial_;  // a multi-line reply in the making; code 0 when there is none
    std::size_t partial_bytes_ = 0;
    std::size_t blank_lines_ = 0;  // in a row, between replies
    std::size_t blank_tail_ = 0;   // blanks and line ends at the end of all input
    error failure_{};
    bool failed_ = false;
};

}  // namespace sallyport::proto
