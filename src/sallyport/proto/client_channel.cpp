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
    const auto text = r.whole_text();
    return std::to_string(r.code) + (text.empty() ? "" : " ") + text;
}

client_channel::client_channel() { waiting_.push_back({"greeting", std::nullopt}); }

result<void> client_channel::expect_nothing() const {
    if (!waiting_.empty() || parser_.only_blank()) return {};
    return fail(errc::stray_reply, "the server sent more than it was asked for");
}

result<void> client_channel::send(std::string_view name, std::string_view argument, unsigned order) {
    if (auto quiet = expect_nothing(); !quiet) {
        quiet.error().what += ", before " + std::string(name);
        return quiet;
    }
    auto line = format_command(name, argument);
    if (!line) return std::unexpected(line.error());
    if (trace_) trace_("> " + mask_secrets(std::string_view(*line).substr(0, line->size() - 2)));
    output_ += telnet_ ? telnet_escape_command(*line) : *line;
    waiting_.push_back({std::string(name), verb_named(name), order});
    return {};
}

client_channel::status client_channel::next(answer& out) {
    if (ended_) return status::ended;
    const reply& r = out.what;
    for (;;) {
        switch (parser_.next(out.what)) {
            case reply_parser::status::need_more: return status::need_more;
            case reply_parser::status::error: return end(parser_.failure().code, parser_.failure().what);
            case reply_parser::status::reply: break;
        }
        trace_reply(r);
        if (r.code == 421) return end(errc::closed, "the server ended the session: " + summary(r), r.code);
        if (r.protected_reply()) return end(errc::unexpected, "a protected reply, which was never agreed on: " + summary(r));
        const auto owner = owner_of(r.code);
        if (!owner) {
            const std::string instead(waiting_for());
            return end(errc::stray_reply,
                       (instead.empty()         ? "stray reply from the server, while no reply was due: "
                        : instead == "greeting" ? "stray reply from the server instead of its greeting: "
                                                : "stray reply from the server instead of one to " + instead + ": ") +
                           summary(r));
        }
        if (settle(*owner, r, out)) return status::answer;
    }
}

std::optional<std::size_t> client_channel::owner_of(int code) const noexcept {
    for (const auto wanted : {reply_fit::usual, reply_fit::possible}) {
        for (std::size_t i = 0; i < waiting_.size(); ++i) {
            if (fit_of(waiting_[i].id, code, waiting_[i].begun) == wanted) return i;
            if (!waiting_[i].begun && !waiting_[i].may_stay_unanswered) break;
        }
    }
    return std::nullopt;
}

bool client_channel::settle(std::size_t owner, const reply& r, answer& out) {
    // Servers answer in order: what could stay unanswered before this one did.
    for (std::size_t i = owner; i-- > 0;) {
        if (!waiting_[i].may_stay_unanswered) continue;
        waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
        --owner;
    }
    due& to = waiting_[owner];
    out.command = to.command;
    out.order = to.order;
    if (r.preliminary()) {
        to.begun = to.id.has_value();
        return true;
    }
    const bool wanted = !to.may_stay_unanswered;
    if (to.id && is_transfer(*to.id)) {
        for (auto& later : waiting_)
            if (later.id == verb::abor) later.may_stay_unanswered = true;
    }
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(owner));
    return wanted;
}

std::string_view client_channel::waiting_for() const noexcept {
    return waiting_.empty() ? std::string_view{} : std::string_view(waiting_.front().command);
}

bool client_channel::waits_for(verb id) const noexcept {
    return std::ranges::any_of(waiting_, [id](const due& d) { return d.id == id; });
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
