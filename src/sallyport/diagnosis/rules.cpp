#include <sallyport/diagnosis/rules.hpp>

#include <algorithm>
#include <array>

#include <sallyport/diagnosis/interruption.hpp>
#include <sallyport/diagnosis/rule_support.hpp>
#include <sallyport/diagnosis/server_rules.hpp>

namespace sallyport::diagnosis {

namespace {

[[nodiscard]] auto groups() noexcept {
    return std::to_array(
        {session_rules(), address_rules(), comparison_rules(), device_rules(), method_rules(), port_rules(), time_rules()});
}

}  // namespace

std::vector<rule> rules() {
    std::vector<rule> out;
    for (const auto& group : groups()) out.insert(out.end(), group.begin(), group.end());
    return out;
}

const explanation* explain(std::string_view id) noexcept {
    for (const auto& group : groups())
        for (const auto& each : group)
            if (each.about.id == id) return &each.about;
    for (const auto& each : server_explanations())
        if (each.id == id) return &each;
    return nullptr;
}

std::vector<verdict> judge(const facts& known) {
    std::vector<verdict> out;
    for (const auto& each : rules()) each.judge(known, out);
    for (auto& each : out) std::erase(each.evidence, std::string());
    sort_by_weight(out);
    return out;
}

std::string_view name(overall o) noexcept {
    switch (o) {
        case overall::healthy: return "healthy";
        case overall::impaired: return "impaired";
        case overall::broken: return "broken";
        case overall::undecided: break;
    }
    return "undecided";
}

overall overall_of(const facts& known, const std::vector<verdict>& found) noexcept {
    if (known.failed_phase() != nullptr) return overall::broken;
    // A file of a session that needed no data connection.
    if (known.methods.empty() && !known.source.empty() && !has_problem(found)) return overall::healthy;
    // A refused listing is no failure of the data connection, in active mode either, where none was made.
    const bool works = std::ranges::any_of(known.methods, [](const method_facts& m) { return succeeded(m.result); });
    // What an interrupted run has not measured may fail.
    if (works && !has_problem(found) && was_interrupted(known)) return overall::undecided;
    if (works) return has_problem(found) ? overall::impaired : overall::healthy;
    return has_problem(found) ? overall::broken : overall::undecided;
}

}  // namespace sallyport::diagnosis
