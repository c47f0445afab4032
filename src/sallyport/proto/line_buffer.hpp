#pragma once
// Splits a byte stream into lines (RFC 959, section 5.3; Telnet end of line, RFC 854).
//
// append() stores bytes, next() returns one line at a time. Split, joined and pipelined input give the same lines. Each byte
// is scanned once, so that hostile one-byte input costs linear time. A line ends with CR LF; a single LF also ends a line
// (docs/threats.md, section 2.1, row I). A line over the limit is dropped up to its LF and reported once, so that its tail
// is never taken for a command (IN-01); the limit counts bytes without the line end. A NUL, or a CR that is not before an
// LF, makes the line `bad_byte`. An empty buffer releases its memory.
//
// A value, owned by the parser of one connection; one thread at a time.

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport::proto {

class line_buffer {
public:
    enum class status : unsigned char { line, need_more, too_long, bad_byte };

    explicit line_buffer(std::size_t max_line) noexcept : max_line_(max_line) {}

    void set_max_line(std::size_t bytes) noexcept { max_line_ = bytes; }
    void append(std::string_view bytes);

    /// On `line` and `bad_byte`, `out` is the line without its end; it stays valid until the next append() or next().
    status next(std::string_view& out);

    /// Number of bytes that were stored and not returned yet. After AUTH TLS it must be 0 (TLS-01).
    [[nodiscard]] std::size_t pending() const noexcept { return data_.size() - begin_; }
    void clear() noexcept;

private:
    status unfinished() noexcept;
    void drop_stored() noexcept;

    std::string data_;
    // The first byte that was not returned yet.
    std::size_t begin_ = 0;
    // There is no LF before this position of data_.
    std::size_t scanned_ = 0;
    std::size_t max_line_;
    // Inside an overlong line that was already reported.
    bool discarding_ = false;
};

}  // namespace sallyport::proto
