#include <sallyport/ops/reload.hpp>

#include <algorithm>
#include <exception>
#include <iterator>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <sallyport/base/error_line.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>
#include <sallyport/base/memory_reserve.hpp>
#include <sallyport/net/keep_running.hpp>

namespace sallyport::ops {
namespace {

[[nodiscard]] const setting& find(const setting_list& all, const std::string& name) {
    static const setting none;
    const auto found = all.find(name);
    return found == all.end() ? none : found->second;
}

[[nodiscard]] std::string text_of(const setting& s) {
    if (s.kind == setting_kind::secret) return "...";
    return s.values.empty() ? "the default" : escape(fmt::format("{}", fmt::join(s.values, ", ")), 500);
}

[[nodiscard]] std::set<std::string> changed_settings(const setting_list& before, const setting_list& after) {
    std::set<std::string> out;
    for (const auto* list : {&before, &after}) {
        for (const auto& [name, s] : *list)
            if (find(before, name).values != find(after, name).values) out.insert(name);
    }
    return out;
}

}  // namespace

reloader::reloader(daemon& host, loaded_settings first, std::function<result<loaded_settings>()> load)
    : host_(host), load_(std::move(load)), current_(std::move(first)) {}

/// Keeps a TLS context whose options have not changed: it rereads its files, and TLS sessions with its tickets can still be
/// resumed. A transfer log whose options have not changed stays open.
void reloader::preserve_unchanged(loaded_settings& fresh) const {
    if (current_.tls && fresh.tls && current_.tls_source == fresh.tls_source) fresh.tls = current_.tls;
    if (current_.transfer_log_source == fresh.transfer_log_source) fresh.transfer_log = current_.transfer_log;
}

net::task<result<std::vector<std::string>>> reloader::run() {
    // A failed reload is an error value and changes nothing.
    auto work = [this]() -> result<loaded_settings> {
        try {
            return load_();
        } catch (const std::exception& e) {
            return fail(errc::syntax, fmt::format("the settings can't be read: {}", escape(e.what(), 300)));
        }
    };
    auto fresh = co_await net::offload(host_.disk(), host_.loops().at(0), std::move(work));
    if (!fresh) co_return std::unexpected(fresh.error());
    preserve_unchanged(*fresh);
    auto changes = fresh->apply(fresh->tls, fresh->transfer_log);
    if (!changes) co_return std::unexpected(changes.error());
    host_.watch_certificates(fresh->tls);
    host_.on_rotate(fresh->transfer_log);

    std::vector<std::string> lines;
    for (const auto& name : changed_settings(current_.given, fresh->given)) {
        const auto& before = find(current_.given, name);
        const auto& after = find(fresh->given, name);
        const auto kind = after.values.empty() ? before.kind : after.kind;
        if (kind == setting_kind::unlisted) continue;
        const setting shown_before{before.values, kind};
        const setting shown_after{after.values, kind};
        const auto line = fmt::format("{} changed from {} to {}", name, text_of(shown_before), text_of(shown_after));
        if (kind == setting_kind::fixed) {
            lines.push_back(fmt::format("{}; takes effect after a restart", line));
            // So that the next reload reports it again.
            fresh->given[name] = shown_before;
        } else {
            lines.push_back(line);
        }
    }
    std::ranges::move(*changes, std::back_inserter(lines));
    if (lines.empty()) lines.emplace_back("no changes");
    current_ = std::move(*fresh);
    co_return lines;
}

net::task<result<std::string>> reloader::reload() {
    if (std::exchange(running_, true)) co_return fail(errc::busy, "another reload is in progress; try again");
    result<std::vector<std::string>> lines = fail_without_memory();
    try {
        lines = co_await run();
    } catch (...) {
        net::log_exception("reload", std::current_exception());
    }
    running_ = false;
    if (std::exchange(pending_, false)) reload_by_signal();
    if (!lines) {
        const auto failure = fmt::format("reload failed, configuration unchanged: {}", line_of(lines.error()));
        log::error({}, fmt::format("Reload: {}", failure));
        co_return fail(errc::rejected, failure);
    }
    boost::json::array listed;
    for (const auto& line : *lines) {
        log::info({}, fmt::format("Reload: {}", line));
        listed.push_back(boost::json::value(line));
    }
    co_return boost::json::serialize(boost::json::object{{"lines", std::move(listed)}});
}

net::task<> reloader::log_outcome(reloader* self) { (void)co_await self->reload(); }

void reloader::reload_by_signal() {
    pending_ = running_;
    if (!pending_) host_.loops().at(0).spawn("reload", log_outcome(this));
}

}  // namespace sallyport::ops
