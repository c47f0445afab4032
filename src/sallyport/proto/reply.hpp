#pragma once
// FTP replies (RFC 959, section 4.2): the value, the writer, and the parser for replies of servers.
//
// Values and pure functions; one thread at a time.

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
    // 100 to 659.
    int code = 0;
    // The text of each line, at least one, without the reply's own code; blanks are kept.
    std::vector<std::string> lines;

    [[nodiscard]] bool preliminary() const noexcept { return code / 100 == 1; }
    [[nodiscard]] bool positive() const noexcept { return code / 100 == 2; }
    [[nodiscard]] bool intermediate() const noexcept { return code / 100 == 3; }
    [[nodiscard]] bool transient() const noexcept { return code / 100 == 4; }
    [[nodiscard]] bool permanent() const noexcept { return code / 100 == 5; }
    /// A protected reply of RFC 2228, which is never legal here.
    [[nodiscard]] bool protected_reply() const noexcept { return code / 100 == 6; }
    /// 227, 228 (RFC 1639) and 229 name a passive port. They are valid only in reply to a passive command (GW-02).
    [[nodiscard]] bool offers_port() const noexcept { return code >= 227 && code <= 229; }
    /// The first line's text.
    [[nodiscard]] const std::string& text() const noexcept { return lines.front(); }
    /// The text of all lines in one line, for messages: the reason may be in any of them. Shortened to 500 bytes.
    [[nodiscard]] std::string full_text() const;

    friend bool operator==(const reply&, const reply&) = default;
};

/// A reply of one line that this program makes itself.
struct local_reply {
    int code = 0;
    std::string text;

    friend bool operator==(const local_reply&, const local_reply&) = default;
};

[[nodiscard]] inline reply as_reply(local_reply r) { return {r.code, {std::move(r.text)}}; }
[[nodiscard]] inline reply as_reply(int code, std::string_view text) { return {code, {std::string(text)}}; }

/// Calls `parse` for each line of a reply until one returns a value: servers may put the information into any line. Returns
/// the first value, or what `parse` returned for the first line if no line has a value. `parse` returns a result or an
/// optional. REQUIRES: `r` is the reply to the command that asks for the information (GW-02).
template <class Parse>
[[nodiscard]] auto search_lines(const reply& r, const Parse& parse) {
    auto found = parse(std::string_view(r.lines.front()));
    for (std::size_t i = 1; !found && i < r.lines.size(); ++i) {
        if (auto here = parse(std::string_view(r.lines[i]))) found = std::move(here);
    }
    return found;
}

/// Appends "code text\r\n". CR, LF and NUL in `text` become '?', so that text of others cannot forge a line (IN-07).
void append_reply(std::string& out, int code, std::string_view text);

/// Appends a multi-line reply: "code-first", the inner lines, each with a leading blank (GW-02), and "code last".
void append_reply(std::string& out, int code, std::string_view first, const std::vector<std::string>& inner,
                  std::string_view last);

/// The same in pieces: "code-first", then inner lines; the reply ends with append_reply(out, code, last).
void append_first_line(std::string& out, int code, std::string_view first);
void append_inner_line(std::string& out, std::string_view text);

/// Appends a parsed reply in canonical form, as a gateway forwards it.
void append_reply(std::string& out, const reply& r);

/// Parses the bytes of a server into replies. A multi-line reply ends only at its own code, followed by a blank or by
/// nothing. Known differences between servers are accepted: LF alone or CR CR LF ends a line, a line with only the code is a
/// reply, and blank lines between replies are ignored. After an error the parser stays in error, since the following bytes
/// could not be interpreted reliably.
class reply_parser {
public:
    enum class status : unsigned char { reply, need_more, error };

    reply_parser();

    void append(std::string_view bytes);
    /// On `reply`, `out` is set. On `error`, failure() has the reason: errc::syntax or errc::too_long (CL-03).
    status next(reply& out);
    [[nodiscard]] const error& failure() const noexcept { return failure_; }
    [[nodiscard]] std::size_t pending() const noexcept { return buffer_.pending() + partial_bytes_; }
    /// No reply has started: the pending bytes, if any, belong to blank lines.
    [[nodiscard]] bool only_blank() const noexcept { return partial_.code == 0 && buffer_.pending() <= blank_tail_; }
    void clear() noexcept;

private:
    // Both return true when partial_ is complete.
    bool begin(std::string_view line);
    bool add(std::string_view line);
    status refuse(errc code, std::string why);

    line_buffer buffer_;
    // A multi-line reply that is not complete; code 0 if there is none.
    reply partial_;
    std::size_t partial_bytes_ = 0;
    // The number of consecutive blank lines between replies.
    std::size_t blank_lines_ = 0;
    // The number of blanks and line ends at the end of the input.
    std::size_t blank_tail_ = 0;
    error failure_{};
    bool failed_ = false;
};

}  // namespace sallyport::proto
