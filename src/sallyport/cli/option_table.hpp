#pragma once
// A command's options as a table: a row has an option's name, the form of its value, where the value goes, and its help. The
// command line (CLI11), the keys of the configuration file, --help and the reference in docs/settings.md come from the rows.
//
// The rows point into the variables that they fill, which must live as long as the command. At start and at a reload; the
// commands of different threads have nothing in common.

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

/// How an option's text becomes a value. An error's text is the cause and the next step; the option is named by the caller.
struct option_value {
    std::function<CLI::Option*(CLI::App& command, const std::string& name)> add;
    std::string default_text{};  // as it would be written; empty: none, or one that the row tells
    std::string bounds{};        // "1 to 127, or off"
    bool repeatable = false;
    bool required = false;
    bool in_file = true;  // also a key of the configuration file
};

/// A parameter within an option's value, such as weight=N in a backend's URL.
struct parameter_row {
    std::string form;
    std::string default_text;
    std::string help;
};

struct option_row {
    std::string name;  // "--listen", "-o,--output", or "DIR" for an argument without a name
    std::string form;  // of the value: "ADDR:PORT"; empty for a switch and for an argument
    option_value value;
    std::string help;
    std::string default_text{};  // where the value's own does not say it: "system CAs"
    std::vector<parameter_row> parameters{};
};

struct option_group {
    std::string title;
    std::vector<option_row> rows;
};

struct command_table {
    std::vector<option_group> groups{};
    std::string notes{};  // after the options: examples and exit codes. Lines that begin with a blank stay as they are

    /// Adds rows to the group of this title, which is created where there is none.
    void add(std::string_view title, std::vector<option_row> rows);
};

/// Adds the options to the command, and gives it the help that shows the table.
void set_table(CLI::App& command, command_table table);
/// The table that the command was given; empty for one without.
[[nodiscard]] const command_table& table_of(const CLI::App& command);

// ---- Values

option_value text(std::string& into);
option_value texts(std::vector<std::string>& into);       // repeatable
option_value comma_list(std::vector<std::string>& into);  // repeatable, several in one value as well
option_value flag(bool& into);
option_value existing_directory(std::string& into);
/// `zero`: what 0 means.
option_value size(std::uint64_t& into, const std::string& zero = "no limit");
option_value rate(double& into);
option_value ports(std::optional<port_range>& into);
/// With a default that is not a single value.
option_value time(std::optional<std::chrono::milliseconds>& into, time_bounds bounds = {});
option_value required(option_value value);
option_value not_in_file(option_value value);

/// The pieces of the templates below. `take` reads the one value of an option that may be given once.
option_value single(std::function<result<void>(const std::string&)> take);
std::string bounds_text(const count_bounds& bounds);
std::string bounds_text(const time_bounds& bounds);
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

/// What is stored as seconds takes whole seconds only.
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

/// One of these words. `what` is the thing in an error: "unknown policy; use ...".
template <class Enum>
option_value choice(Enum& into, std::string what, choices<Enum> known) {
    std::string current;
    for (const auto& [name, value] : known)
        if (value == into) current = name;
    auto out = single([&into, what = std::move(what), known = std::move(known)](const std::string& text) -> result<void> {
        std::vector<std::string> names;
        for (const auto& [name, value] : known) {
            if (name == text) {
                into = value;
                return {};
            }
            names.push_back(name);
        }
        return std::unexpected(unknown_value(what, names));
    });
    out.default_text = std::move(current);
    return out;
}

}  // namespace sallyport::cli
