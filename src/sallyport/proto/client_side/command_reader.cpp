#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/client_side/command_reader.hpp>
#include <sallyport/proto/client_side/replies.hpp>

#include <utility>

namespace sallyport::proto {

std::optional<local_reply> command_reader::append(std::string_view bytes, bool tls, std::string& answers) {
    if (bytes.empty() || ended_) return std::nullopt;
    const bool first = !std::exchange(byte_received_, true);
    if (tls) {
        lines_.append(bytes);
        return std::nullopt;
    }
    if (first && begins_tls(bytes)) return local_reply{421, std::string(replies::not_ftp)};
    std::string text;
    if (!telnet_.filter(bytes, text, answers)) return local_reply{421, std::string(replies::too_much_telnet)};
    lines_.append(text);
    return std::nullopt;
}

std::optional<client_line> command_reader::next(std::string_view& raw) {
    raw = {};
    if (ended_) return std::nullopt;
    switch (lines_.next(raw)) {
        case line_buffer::status::need_more: return std::nullopt;
        case line_buffer::status::line: return line_of(raw);
        case line_buffer::status::bad_byte:
            if (is_foreign_protocol(raw)) return refusal(421, replies::not_ftp);
            return refusal(501, replies::control_bytes);
        case line_buffer::status::too_long: break;
    }
    if (++overlong_lines_ < limits::max_overlong_lines) return refusal(500, replies::line_too_long);
    return refusal(421, replies::too_many_long_lines);
}

client_line command_reader::line_of(std::string_view raw) {
    auto parsed = parse_command(raw);
    const bool known = parsed && parsed->id != verb::unknown;
    if (!known && is_foreign_protocol(raw)) return refusal(421, replies::not_ftp);
    if (!parsed) return refusal(raw.empty() || !is_alpha(raw.front()) ? 500 : 501, parsed.error().what);
    quit_received_ = quit_received_ || parsed->id == verb::quit;
    return {.cmd = std::move(*parsed)};
}

client_line command_reader::refusal(int code, std::string_view text) {
    ended_ = code == 421;
    return {.refused = local_reply{code, std::string(text)}};
}

void command_reader::set_logged_in(bool yes) noexcept {
    lines_.set_max_line(yes ? limits::max_command_line : limits::max_command_line_before_login);
}

}  // namespace sallyport::proto
