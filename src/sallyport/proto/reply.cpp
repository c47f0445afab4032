#include <sallyport/base/ascii.hpp>
#include <sallyport/base/limits.hpp>
#include <sallyport/proto/reply.hpp>

#include <algorithm>
#include <utility>

namespace sallyport::proto {
namespace {

constexpr std::string_view line_breakers("\r\n\0", 3);
constexpr std::string_view blanks(" \t\r\n");
// The maximum size of a reply's text in a message; a longer text is a banner and not a reason.
constexpr std::size_t message_text = 500;

void append_code(std::string& out, int code, char separator) {
    const char digits[] = {static_cast<char>('0' + code / 100 % 10), static_cast<char>('0' + code / 10 % 10),
                           static_cast<char>('0' + code % 10), separator};
    out.append(digits, sizeof digits);
}

void append_text(std::string& out, std::string_view text) {
    const auto at = static_cast<std::ptrdiff_t>(out.size());
    out += text;
    std::replace_if(out.begin() + at, out.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, '?');
    out += "\r\n";
}

// 0 if the line does not start with a reply code.
[[nodiscard]] int code_of(std::string_view line) noexcept {
    if (line.size() < 3 || line[0] < '1' || line[0] > '6' || line[1] < '0' || line[1] > '5' || !is_digit(line[2])) return 0;
    return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

}  // namespace

void append_reply(std::string& out, int code, std::string_view text) {
    append_code(out, code, ' ');
    append_text(out, text);
}

void append_first_line(std::string& out, int code, std::string_view first) {
    append_code(out, code, '-');
    append_text(out, first);
}

void append_inner_line(std::string& out, std::string_view text) {
    if (!text.starts_with(' ')) out += ' ';
    append_text(out, text);
}

void append_reply(std::string& out, int code, std::string_view first, const std::vector<std::string>& inner,
                  std::string_view last) {
    append_first_line(out, code, first);
    for (const auto& line : inner) append_inner_line(out, line);
    append_reply(out, code, last);
}

void append_reply(std::string& out, const reply& r) {
    if (r.lines.size() > 1) {
        append_first_line(out, r.code, r.lines.front());
        for (std::size_t i = 1; i + 1 < r.lines.size(); ++i) append_inner_line(out, r.lines[i]);
    }
    append_reply(out, r.code, r.lines.empty() ? std::string_view() : r.lines.back());
}

std::string reply::full_text() const {
    std::string out;
    for (std::string_view line : lines) {
        line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
        line = line.substr(0, line.find_last_not_of(blanks) + 1);
        if (line.empty()) continue;
        if (!out.empty()) out += ' ';
        if (out.size() + line.size() > message_text) {
            out += line.substr(0, message_text - std::min(message_text, out.size()));
            return out += "...";
        }
        out += line;
    }
    return out;
}

reply_parser::reply_parser() : buffer_(limits::max_reply_line) {}

void reply_parser::append(std::string_view bytes) {
    const auto last = bytes.find_last_not_of(blanks);
    blank_tail_ = last == std::string_view::npos ? blank_tail_ + bytes.size() : bytes.size() - last - 1;
    buffer_.append(bytes);
}

reply_parser::status reply_parser::next(reply& out) {
    if (failed_) return status::error;
    for (;;) {
        std::string_view line;
        switch (buffer_.next(line)) {
            case line_buffer::status::need_more: return status::need_more;
            case line_buffer::status::too_long:
                return refuse(errc::too_long, "The server sent a reply line over 8192 bytes");
            case line_buffer::status::bad_byte:
                // Servers that send a text file with CR LF line ends produce CR CR LF.
                while (line.ends_with('\r')) line.remove_suffix(1);
                if (line.find_first_of(line_breakers) == std::string_view::npos) break;
                return refuse(errc::syntax, "The server sent a NUL or a bare CR in a reply");
            case line_buffer::status::line: break;
        }
        if (partial_.code == 0 && line.find_first_not_of(blanks) == std::string_view::npos) {
            if (++blank_lines_ > limits::max_reply_lines)
                return refuse(errc::too_long, "The server sent over 1000 blank lines in a row");
            continue;
        }
        blank_lines_ = 0;
        const bool whole = partial_.code == 0 ? begin(line) : add(line);
        if (failed_) return status::error;
        if (!whole) continue;
        out = std::exchange(partial_, {});
        partial_bytes_ = 0;
        return status::reply;
    }
}

bool reply_parser::begin(std::string_view line) {
    const int code = code_of(line);
    const char separator = line.size() > 3 ? line[3] : ' ';
    if (code == 0 || (separator != ' ' && separator != '-')) {
        refuse(errc::syntax, "The server sent a line that is not an FTP reply: " + std::string(line.substr(0, 200)));
        return false;
    }
    partial_.code = code;
    partial_.lines.emplace_back(line.substr(line.size() > 3 ? 4 : 3));
    partial_bytes_ = line.size();
    return separator == ' ';
}

bool reply_parser::add(std::string_view line) {
    partial_bytes_ += line.size();
    if (partial_.lines.size() >= limits::max_reply_lines || partial_bytes_ > limits::max_reply_bytes) {
        refuse(errc::too_long, "The server sent a reply over 1000 lines or 256 KiB");
        return false;
    }
    // An inner line may start with the reply's own code; another number is text. Some servers send the last line as the code
    // without text (RFC 3659, section 7.2).
    const char separator = line.size() > 3 ? line[3] : ' ';
    const bool own_code = code_of(line) == partial_.code && (separator == ' ' || separator == '-');
    partial_.lines.emplace_back(own_code ? line.substr(std::min<std::size_t>(line.size(), 4)) : line);
    return own_code && separator == ' ';
}

reply_parser::status reply_parser::refuse(errc code, std::string why) {
    failed_ = true;
    failure_ = error{code, 0, std::move(why)};
    partial_ = {};
    partial_bytes_ = 0;
    buffer_.clear();
    return status::error;
}

void reply_parser::clear() noexcept {
    buffer_.clear();
    partial_ = {};
    partial_bytes_ = blank_lines_ = blank_tail_ = 0;
    failure_ = {};
    failed_ = false;
}

}  // namespace sallyport::proto
