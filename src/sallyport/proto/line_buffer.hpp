#pragma once
// Lines out of a byte stream, however it was cut (RFC 959 section 5.3; Telnet end of line, RFC 854).
//
// Bytes are stored by append() and handed out a line at a time by next(). Split, joined and pipelined input give the
// same lines. No byte is looked at twice, so hostile one-byte input stays linear. A line ends in CR LF; a bare LF is
// accepted as an end too (threats 2.1 row I: never stall). A line over the limit is dropped up to its LF and reported
// once, its tail is never a command (IN-01); the limit counts bytes without the line's end. A NUL or a CR that is not
// before LF makes the line `bad_byte`. The buffer gives its memory back when it runs empty. One thread at a time.

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

    /// Bytes stored and not yet handed out. After AUTH TLS this must be 0 (TLS-01).
    [[nodiscard]] std::size_t pending() const noexcept { return data_.size() - begin_; }
    void clear() noexcept;

private:
    status unfinished() noexcept;
    void drop_stored() noexcept;

    std::string data_;
    std::size_t begin_ = 0;    // first byte not handed out
    std::size_t scanned_ = 0;  // bytes before this hold no LF; counted from the start of data_
    std::size_t max_line_;
    bool discarding_ = false;  // inside an overlong line that was reported already
};

}  // namespace sallyport::proto
