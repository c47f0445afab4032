#include <sallyport/diagnosis/verdict.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

namespace sallyport::diagnosis {

namespace {

constexpr auto side_names =
    std::to_array<std::string_view>({"client", "server", "between", "client-config", "server-config", "undecided"});
constexpr auto confidence_names = std::to_array<std::string_view>({"possible", "likely", "certain"});

}  // namespace

std::string_view name(side s) noexcept { return side_names[static_cast<std::size_t>(s)]; }
std::string_view name(confidence c) noexcept { return confidence_names[static_cast<std::size_t>(c)]; }
std::string_view name(severity s) noexcept { return s == severity::problem ? "problem" : "note"; }

bool has_problem(const std::vector<verdict>& found) noexcept {
    return std::ranges::any_of(found, [](const verdict& v) { return v.severity == severity::problem; });
}

void sort_by_weight(std::vector<verdict>& found) {
    std::ranges::stable_sort(found, [](const verdict& a, const verdict& b) {
        if (a.severity != b.severity) return a.severity == severity::problem;
        return a.confidence > b.confidence;
    });
}

}  // namespace sallyport::diagnosis
