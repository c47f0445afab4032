#include <sallyport/diagnosis/facts.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

#include <sallyport/diagnosis/first_of.hpp>

namespace sallyport::diagnosis {

namespace {

constexpr auto result_names =
    std::to_array<std::string_view>({"ok", "refused", "silent", "reset", "unreachable", "wrong-address", "wrong-peer",
                                     "verb-refused", "verb-swallowed", "stalled", "listing-refused", "failed"});
constexpr auto answer_names = std::to_array<std::string_view>({"none", "expired", "opened", "refused", "unreachable"});
constexpr auto end_names = std::to_array<std::string_view>({"unknown", "clean", "truncated", "reset", "open"});
constexpr auto vantage_names = std::to_array<std::string_view>({"client", "server"});

}  // namespace

std::string_view name(vantage v) noexcept { return vantage_names[static_cast<std::size_t>(v)]; }
std::string_view name(method_result r) noexcept { return result_names[static_cast<std::size_t>(r)]; }
std::string_view name(stream_end e) noexcept { return end_names[static_cast<std::size_t>(e)]; }
std::string_view name(hop_answer a) noexcept { return answer_names[static_cast<std::size_t>(a)]; }

bool succeeded(method_result r) noexcept { return r == method_result::ok || r == method_result::listing_refused; }

bool upload_facts::stopped() const noexcept { return result != method_result::ok && reply_code == 0; }

const ttl_answer* path_trace::answer_at(unsigned ttl) const noexcept {
    return first_of(answers, [ttl](const ttl_answer& a) { return a.ttl == ttl; });
}

const ttl_answer* path_trace::expired_at(unsigned ttl) const noexcept {
    return first_of(answers, [ttl](const ttl_answer& a) { return a.ttl == ttl && a.what == hop_answer::expired; });
}

unsigned path_trace::last_expired() const noexcept {
    unsigned last = 0;
    for (const auto& a : answers)
        if (a.what == hop_answer::expired) last = std::max(last, a.ttl);
    return last;
}

std::optional<unsigned> path_trace::first(hop_answer what) const noexcept {
    std::optional<unsigned> found;
    for (const auto& a : answers)
        if (a.what == what && (!found || a.ttl < *found)) found = a.ttl;
    return found;
}

std::optional<unsigned> path_trace::distance() const noexcept {
    std::optional<unsigned> found;
    for (const auto what : {hop_answer::opened, hop_answer::refused, hop_answer::unreachable})
        if (const auto ttl = first(what); ttl && (!found || *ttl < *found)) found = ttl;
    return found;
}

std::optional<unsigned> line_probe::held_from() const noexcept {
    for (const auto& a : answers)
        if (!a.passed && !a.expired) return a.ttl;
    return std::nullopt;
}

const phase* facts::failed_phase() const noexcept {
    return first_of(phases, [](const phase& p) { return !p.ok; });
}

const path_trace* facts::control_trace() const noexcept {
    return first_of(traces, [](const path_trace& t) { return t.control; });
}

const method_facts* facts::passive_attempt(method_result how) const noexcept {
    return first_of(methods, [how](const method_facts& m) { return !is_active(m.method) && m.result == how; });
}

const path_trace* facts::data_trace() const noexcept {
    return first_of(traces, [](const path_trace& t) { return !t.control; });
}

bool lacks_only_its_end(const method_facts& m) noexcept {
    return m.result == method_result::stalled && !m.packets && (m.end == stream_end::clean || m.reply_code / 100 == 2);
}

}  // namespace sallyport::diagnosis
