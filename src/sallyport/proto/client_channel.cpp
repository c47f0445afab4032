#include <sallyport/proto/client_channel.hpp>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/telnet.hpp>

namespace sallyport::proto {

namespace {

/// Commands that are answered twice: 1xx when they begin, 2xx to 5xx when they are over (RFC 959 section 6).
bool has_preliminary(std::string_view command) {
    for (const std::string_view name : {"RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD", "greeting"})
        if (command == name) return true;
    return false;
}

}  // namespace

std::string summary(const reply& r) {
    const auto text = r.whole_text();
    return std::to_string(r.code) + (text.empty() ? "" : " ") + text;
}

client_channel::client_channel() { waiting_.push_back({"greeting"}); }

result<void> client_channel::send(std::string_view name, std::string_view argument) {
    if (waiting_.empty() && !parser_.only_blank())
        return fail(errc::unexpected, "the server sent more than was asked of it, before " + std::string(name));
    auto line = format_command(name, argument);
    if (!line) return std::unexpected(line.error());
    if (trace_) trace_("> " + mask_secrets(std::string_view(*line).substr(0, line->size() - 2)));
    output_ += telnet_ ? telnet_escape_command(*line) : *line;
    waiting_.push_back({std::string(name)});
    return {};
}

client_channel::status client_channel::next(answer& out) {
    if (ended_) return status::ended;
    const reply& r = out.what;
    do {
        switch (parser_.next(out.what)) {
            case reply_parser::status::need_more: return status::need_more;
            case reply_parser::status::error: return end(parser_.failure().code, parser_.failure().what);
            case reply_parser::status::reply: break;
        }
        trace_reply(r);
    } while (r.code != 421 && drop_given_up(r));
    if (r.code == 421) return end(errc::closed, "the server ended the session: " + summary(r), r.code);
    if (r.protected_reply()) return end(errc::unexpected, "a protected reply, which was never agreed on: " + summary(r));
    if (waiting_.empty()) return end(errc::unexpected, "a reply that nothing was asked for: " + summary(r));
    out.command = waiting_.front().command;
    if (r.offers_port() && out.command != "PASV" && out.command != "EPSV")
        return end(errc::unexpected, "a port that nothing was asked for, in reply to " + out.command + ": " + summary(r));
    if (!r.preliminary()) {
        waiting_.pop_front();
    } else if (!has_preliminary(out.command)) {
        return end(errc::unexpected, "a preliminary reply to " + out.command + ": " + summary(r));
    }
    return status::answer;
}

std::string_view client_channel::waiting_for() const noexcept {
    return waiting_.empty() ? std::string_view{} : std::string_view(waiting_.front().command);
}

/// Whose reply is it, where the one before was given up? A 227 is PASV's; anything else is taken for the late one.
bool client_channel::drop_given_up(const reply& r) {
    if (waiting_.empty() || !waiting_.front().given_up) return false;
    waiting_.pop_front();
    return r.code != 227;
}

client_channel::status client_channel::end(errc code, std::string what, int reply_code) {
    failure_ = error{code, 0, std::move(what)};
    reply_code_ = reply_code;
    ended_ = true;
    return status::ended;
}

void client_channel::trace_reply(const reply& r) {
    if (!trace_) return;
    for (std::size_t i = 0; i < r.lines.size(); ++i) {
        const bool last = i + 1 == r.lines.size();
        trace_("< " + std::to_string(r.code) + (last ? " " : "-") + r.lines[i]);
    }
}

}  // namespace sallyport::proto
