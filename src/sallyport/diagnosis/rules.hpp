#pragma once
// The rules of the doctor: each derives verdicts from facts, and has one row in the table of ids. The live run, the readers
// of files and the advice of get, put and ls use the same rules. Pure functions on values; any thread.

#include <string_view>
#include <vector>

#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/diagnosis/verdict.hpp>

namespace sallyport::diagnosis {

/// One rule. It appends its verdicts, and leaves those of other rules as they are.
struct rule {
    explanation about;
    void (*judge)(const facts& known, std::vector<verdict>& out);
};

/// All rules in the order of the page, which is also the order in which they are asked.
[[nodiscard]] std::vector<rule> rules();
/// nullptr if there is no such id. Allocates nothing.
[[nodiscard]] const explanation* explain(std::string_view id) noexcept;

/// The server refuses an unencrypted login because it requires TLS.
[[nodiscard]] bool requires_tls(const facts& known);

/// The verdicts of all rules: problems before notes, and the surer ones first.
[[nodiscard]] std::vector<verdict> judge(const facts& known);

/// The state of what was diagnosed: "healthy", "impaired" (something works), "broken" or "undecided" (something failed, and
/// no rule names its cause).
enum class overall : std::uint8_t { healthy, impaired, broken, undecided };
[[nodiscard]] std::string_view name(overall o) noexcept;
[[nodiscard]] overall overall_of(const facts& known, const std::vector<verdict>& found) noexcept;

}  // namespace sallyport::diagnosis
