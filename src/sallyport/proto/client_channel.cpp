#include <sallyport/proto/client_channel.hpp>

#include <algorithm>

#include <sallyport/proto/possible_reply.hpp>
#include <sallyport/proto/telnet.hpp>

namespace sallyport::proto {

namespace {

verb verb_named(std::string_view name) noexcept {
    const auto table = command_table();
    const auto row = std::ranges::find(table, name, &command_row::name);
    return row == table.end() ? verb::unknown : row->id;
}

}  // namespace

std::string summary(const reply& r) {
    const auto text = r.full_text();
    return std::to_string(r.code) + (text.empty() ? "" : " ") + text;
}

client_channel::client_channel() { waiting_.push_back({"greeting", std::nullopt}); }

result<void> client_channel::check_no_stray_reply() const {
    if (!waiting_.empty() || parser_.only_blank()) return {};
    return fail(errc::stray_reply, "unsolicited bytes from the server");
}

result<void> client_channel::send(std::string_view name, std::string_view argument, unsigned operation) {
    if (auto quiet = check_no_stray_reply(); !quiet) {
        quiet.error().what += ", before " + std::string(name);
        return quiet;
    }
    auto line = format_command(name, argument);
    if (!line) return std::unexpected(line.error());
    if (trace_) trace_("> " + mask_secrets(std::string_view(*line).substr(0, line->size() - 2)));
    output_ += telnet_ ? telnet_escape_command(*line) : *line;
    waiting_.push_back({std::string(name), verb_named(name), operation});
    return {};
}

client_channel::status client_channel::next(command_reply& out) {
    if (ended_) return status::ended;
    const reply& r = out.received;
    for (;;) {
        switch (parser_.next(out.received)) {
            case reply_parser::status::need_more: return status::need_more;
            case reply_parser::status::error: return end(parser_.failure().code, parser_.failure().what);
            case reply_parser::status::reply: break;
        }
        trace_reply(r);
        if (r.code == 421) return end(errc::closed, "the server closed the session: " + summary(r), r.code);
        if (r.protected_reply())
            return end(errc::unexpected, "protected reply (RFC 2228) without a security negotiation: " + summary(r));
        const auto owner = owner_of(r.code);
        if (!owner) {
            const std::string instead(waiting_for());
            return end(errc::stray_reply,
                       (instead.empty()         ? "stray reply from the server while no reply was expected: "
                        : instead == "greeting" ? "stray reply from the server instead of its greeting: "
                                                : "stray reply from the server instead of one to " + instead + ": ") +
                           summary(r));
        }
        if (finish_command(*owner, r, out)) return status::reply;
    }
}

std::optional<std::size_t> client_channel::owner_of(int code) const noexcept {
    for (const auto wanted : {reply_fit::usual, reply_fit::possible}) {
        for (std::size_t i = 0; i < waiting_.size(); ++i) {
            if (fit_of(waiting_[i].id, code, waiting_[i].started) == wanted) return i;
            if (!waiting_[i].started && !waiting_[i].may_be_unanswered) break;
        }
    }
    return std::nullopt;
}

bool client_channel::finish_command(std::size_t owner, const reply& r, command_reply& out) {
    // Servers answer in order, so earlier commands that may be unanswered stay unanswered.
    for (std::size_t i = owner; i-- > 0;) {
        if (!waiting_[i].may_be_unanswered) continue;
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
        --owner;
    }
    pending_command& to = waiting_[owner];
    out.command = to.command;
    out.operation = to.operation;
    if (r.preliminary()) {
        to.started = to.id.has_value();
        return true;
    }
    const bool wanted = !to.may_be_unanswered;
    if (to.id && is_transfer(*to.id)) {
        for (auto& later : waiting_)
            if (later.id == verb::abor) later.may_be_unanswered = true;
    }
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(owner));
    return wanted;
}

std::string_view client_channel::waiting_for() const noexcept {
    return waiting_.empty() ? std::string_view{} : std::string_view(waiting_.front().command);
}

bool client_channel::awaits_reply_to(verb id) const noexcept {
    return std::ranges::any_of(waiting_, [id](const pending_command& d) { return d.id == id; });
}

client_channel::status client_channel::end(errc code, std::string detail, int reply_code) {
    failure_ = error{code, 0, std::move(detail)};
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
