#include <sallyport/helper/remote_table.hpp>

#include <vector>

#include <fmt/format.h>

namespace sallyport::helper {

namespace {

[[nodiscard]] result<std::vector<message>> messages_of(std::span<const firewall::change> changes) {
    std::vector<message> all;
    all.reserve(changes.size());
    for (const auto& [kind, subject, control] : changes) {
        request r{.number = all.size() + 1 == changes.size() ? 1U : 0U, .subject = wire_opening::of(subject)};
        const bool opens = kind == firewall::change_kind::open;
        if (opens && (!control.client || !control.backend)) return fail(errc::misuse, "an opening without a session");
        r.kind = opens ? request_kind::add_opening : request_kind::add_closing;
        all.push_back(opens ? message(r, {control.client.get(), control.backend.get()}) : message(r, {}));
    }
    return all;
}

[[nodiscard]] std::string text_of(std::span<const firewall::change> changes) {
    return fmt::format("{} openings, first: {}", changes.size(), changes.front().subject.text());
}

[[nodiscard]] result<void> without_value(result<response> done) {
    if (!done) return std::unexpected(std::move(done).error());
    return {};
}

}  // namespace

result<void> remote_table::commit(std::span<const firewall::change> changes) {
    const auto all = messages_of(changes);
    if (!all) return std::unexpected(all.error());
    return without_value(changes_->ask_all(*all, text_of(changes)));
}

std::optional<result<void>> remote_table::commit_within(std::span<const firewall::change> changes,
                                                        std::chrono::microseconds moment) {
    const auto all = messages_of(changes);
    if (!all) return std::unexpected(all.error());
    begun_ = text_of(changes);
    auto done = changes_->ask_all_within(*all, begun_, moment);
    if (!done) return std::nullopt;
    return without_value(std::move(*done));
}

result<void> remote_table::finish() { return without_value(changes_->finish(begun_)); }

std::optional<std::int32_t> remote_table::query(request_kind kind, const firewall::opening& o) {
    const auto found = queries_->ask({{.kind = kind, .subject = wire_opening::of(o)}, {}}, "an opening");
    if (!found) return std::nullopt;
    return found->text.number;
}

std::optional<std::chrono::milliseconds> remote_table::remaining(const firewall::opening& o) {
    const auto left = query(request_kind::remaining_time, o);
    if (!left || *left < 0) return std::nullopt;
    return std::chrono::milliseconds(*left);
}

firewall::opening_use remote_table::use_of(const firewall::opening& o) {
    constexpr auto unknown = static_cast<std::int32_t>(firewall::opening_use::unknown);
    return static_cast<firewall::opening_use>(query(request_kind::use_of_opening, o).value_or(unknown));
}

}  // namespace sallyport::helper
