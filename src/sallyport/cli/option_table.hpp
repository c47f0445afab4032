#pragma once
// A command's options as a table: each row has the name of an option, the form of its value, the variable that receives
// the value, and its help. The command line (CLI11), the keys of the configuration file, --help and the reference in
// docs/settings.md are made from the rows.
//
// The rows point to the variables that they fill, which must live as long as the command. Used at the start and at a
// reload; commands of different threads share nothing.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/cli/option_types.hpp>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace sallyport::cli {

/// Parser and description of an option's value. An error has the cause and the next step; the caller names the option.
struct option_value {
    std::function<CLI::Option*(CLI::App& command, const std::string& name)> add;
    /// In the form in which it would be written; empty: none, or one that the row names.
    std::string default_text{};
    /// "1 to 127, or off".
    std::string bounds{};
    /// The values of a choice; empty for other values.
    std::vector<std::string> known{};
    bool repeatable = false;
    bool required = false;
    /// Also a key of the configuration file.
    bool in_file = true;
};

/// A parameter within an option's value, such as weight=N in a backend's URL.
struct parameter_row {
    std::string form;
    std::string default_text;
    std::string help;
};

struct option_row {
    /// "--listen", "-o,--output", or "DIR" for an argument without a name.
    std::string name;
    /// Form of the value, "ADDR:PORT"; empty for a switch and for an argument.
    std::string form;
    option_value value;
    std::string help;
    /// Overrides the text of the value: "system CAs".
    std::string default_text{};
    std::vector<parameter_row> parameters{};
};

struct option_group {
    std::string title;
    std::vector<option_row> rows;
};

struct command_table {
    std::vector<option_group> groups{};
    /// Text after the options: examples and exit codes. Lines that begin with a blank are not wrapped.
    std::string notes{};

    /// Adds rows to the group with this title, which is created if there is none.
    void add(std::string_view title, std::vector<option_row> rows);
};

/// Adds the options to the command and sets its help.
void set_table(CLI::App& command, command_table table);
/// The table of the command; empty if it has none.
[[nodiscard]] const command_table& table_of(const CLI::App& command);

// ---- Values

option_value text(std::string& into);
/// May be repeated.
option_value texts(std::vector<std::string>& into);
/// May be repeated; each value may hold several items.
option_value comma_list(std::vector<std::string>& into);
option_value flag(bool& into);
/// A switch that takes a value only after an equals sign; alone, it is "true". Its row has a form, "[=LIST]".
option_value optional_text(std::string& into);
option_value existing_directory(std::string& into);
/// `zero` is the meaning of 0.
option_value size(std::uint64_t& into, const std::string& zero = "no limit");
option_value rate(double& into);
option_value ports(std::optional<port_range>& into);
/// For a default that is not a single value.
option_value count(std::optional<std::size_t>& into, count_bounds bounds = {});
option_value time(std::optional<std::chrono::milliseconds>& into, time_bounds bounds = {});
option_value required(option_value value);
option_value not_in_file(option_value value);

/// Parts of the templates below. `take` parses the value of an option that may be given once.
option_value single(std::function<result<void>(const std::string&)> take);
std::string bounds_text(const count_bounds& bounds);
std::string bounds_text(const time_bounds& bounds);
/// "pcp, natpmp or upnp".
std::string list_of(const std::vector<std::string>& names);
error unknown_value(std::string_view what, const std::vector<std::string>& known);

template <class Number>
option_value count(Number& into, count_bounds bounds = {}) {
    auto out = single([&into, bounds](const std::string& text) -> result<void> {
        const auto got = parse_count(text, bounds);
        if (!got) return std::unexpected(got.error());
        into = static_cast<Number>(*got);
        return {};
    });
    out.default_text = std::to_string(into);
    if (into == 0 && bounds.off) out.default_text = "off";
    if (into == 0 && bounds.zero)
        out.default_text = "0 (no limit)";
    else
        out.bounds = bounds_text(bounds);
    return out;
}

/// A variable of whole seconds accepts whole seconds only.
template <class Rep, class Period>
option_value time(std::chrono::duration<Rep, Period>& into, time_bounds bounds = {}) {
    using duration = std::chrono::duration<Rep, Period>;
    auto out = single([&into, bounds](const std::string& text) -> result<void> {
        const auto got = parse_time(text, bounds, duration(1));
        if (!got) return std::unexpected(got.error());
        into = std::chrono::duration_cast<duration>(*got);
        return {};
    });
    out.bounds = bounds_text(bounds);
    out.default_text = bounds.off && into == duration::zero() ? "off" : seconds_text(into);
    return out;
}

template <class Enum>
using choices = std::vector<std::pair<std::string, Enum>>;

/// One of these values. `what` is the noun in an error: "unknown policy; use ...".
template <class Enum>
option_value choice(Enum& into, std::string what, choices<Enum> known) {
    std::string current;
    std::vector<std::string> names;
    for (const auto& [name, value] : known) {
        names.push_back(name);
        if (value == into) current = name;
    }
    auto out =
        single([&into, what = std::move(what), known = std::move(known), names](const std::string& text) -> result<void> {
            for (const auto& [name, value] : known) {
                if (name == text) {
                    into = value;
                    return {};
                }
            }
            return std::unexpected(unknown_value(what, names));
        });
    out.default_text = std::move(current);
    out.known = std::move(names);
    return out;
}

}  // namespace sallyport::cli
