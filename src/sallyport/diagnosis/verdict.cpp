#include <sallyport/diagnosis/verdict.hpp>

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

}  // namespace sallyport::diagnosis
