#include <sallyport/cli/option_table.hpp>

#include <algorithm>
#include <cerrno>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/cli/help.hpp>

namespace sallyport::cli {
namespace {

/// The help formatter of a command for CLI11; it owns the table as long as the command lives.
class table_help : public CLI::FormatterBase {
public:
    explicit table_help(command_table table) : table_(std::move(table)) {}
    [[nodiscard]] const command_table& table() const noexcept { return table_; }
    [[nodiscard]] std::string make_help(const CLI::App* command, std::string /*name*/,
                                        CLI::AppFormatMode /*mode*/) const override {
        return help_text(*command, table_, terminal_width());
    }

private:
    command_table table_;
};

/// Throws the CLI11 error for an invalid value; its text names the option.
void refuse(const std::string& name, const std::string& text, const error& why) {
    throw CLI::ValidationError(fmt::format("{} {}: {}", name, escape(text, 60), why.what));
}

}  // namespace

void command_table::add(std::string_view title, std::vector<option_row> rows) {
    auto group = std::ranges::find(groups, title, &option_group::title);
    if (group == groups.end()) group = groups.insert(groups.end(), {std::string(title), {}});
    std::ranges::move(rows, std::back_inserter(group->rows));
}

void set_table(CLI::App& command, command_table table) {
    for (const auto& group : table.groups) {
        for (const auto& row : group.rows) {
            auto* const option = row.value.add(command, row.name);
            option->description(row.help);
            option->group(group.title);
            if (!row.form.empty()) option->type_name(row.form);
            option->required(row.value.required);
            option->configurable(row.value.in_file);
        }
    }
    command.formatter(std::make_shared<table_help>(std::move(table)));
}

const command_table& table_of(const CLI::App& command) {
    static const command_table none;
    const auto help = std::dynamic_pointer_cast<table_help>(command.get_formatter());
    // The command keeps the formatter alive.
    return help == nullptr ? none : help->table();
}

// ---- Values

option_value single(std::function<result<void>(const std::string&)> take) {
    option_value out;
    out.add = [take = std::move(take)](CLI::App& command, const std::string& name) {
        const std::function<void(const std::string&)> read = [name, take](const std::string& text) {
            const auto dashes = name.find("--");
            if (const auto parsed = take(text); !parsed)
                refuse(dashes == name.npos ? name : name.substr(dashes), text, parsed.error());
        };
        return command.add_option_function(name, read);
    };
    return out;
}

option_value text(std::string& into) {
    option_value out;
    out.add = [&into](CLI::App& command, const std::string& name) { return command.add_option(name, into); };
    out.default_text = into;
    return out;
}

option_value texts(std::vector<std::string>& into) {
    option_value out;
    out.add = [&into](CLI::App& command, const std::string& name) {
        auto* const option = command.add_option(name, into)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        return name.starts_with('-') ? option->allow_extra_args(false) : option;
    };
    out.repeatable = true;
    return out;
}

option_value comma_list(std::vector<std::string>& into) {
    auto out = texts(into);
    out.add = [add = std::move(out.add)](CLI::App& command, const std::string& name) {
        return add(command, name)->delimiter(',');
    };
    return out;
}

option_value flag(bool& into) {
    option_value out;
    out.add = [&into](CLI::App& command, const std::string& name) { return command.add_flag(name, into); };
    return out;
}

option_value optional_text(std::string& into) {
    option_value out;
    out.add = [&into](CLI::App& command, const std::string& name) { return command.add_flag(name, into); };
    return out;
}

option_value existing_directory(std::string& into) {
    auto out = text(into);
    const auto check = [](const std::string& path) -> std::string {
        struct stat facts{};
        const bool exists = ::stat(path.c_str(), &facts) == 0;
        // Also at a reload, when the process has become another user.
        if (!exists && errno == EACCES)
            return fmt::format(
                "{} cannot be reached by user ID {}: permission denied for a directory above it (a daemon that "
                "has become this user needs a restart instead of a reload)",
                path, ::geteuid());
        // CLI::ExistingDirectory ends the process if there is no memory for a copy of the path.
        if (!exists) return "Directory does not exist: " + path;
        return S_ISDIR(facts.st_mode) ? std::string() : "Directory is actually a file: " + path;
    };
    out.add = [add = std::move(out.add), check](CLI::App& command, const std::string& name) {
        return add(command, name)->check(check);
    };
    return out;
}

option_value size(std::uint64_t& into, const std::string& zero) {
    constexpr count_bounds bounds{.min = 1, .max = std::uint64_t(1) << 50U, .zero = true};
    auto out = single([&into, bounds](const std::string& text) -> result<void> {
        const auto got = parse_count(text, bounds, true);
        if (!got) return std::unexpected(got.error());
        into = *got;
        return {};
    });
    out.default_text = into == 0 ? fmt::format("0 ({})", zero) : size_text(into);
    if (into != 0) out.bounds = "0: " + zero;
    return out;
}

option_value rate(double& into) {
    auto out = single([&into](const std::string& text) -> result<void> {
        const auto got = parse_rate(text);
        if (!got) return std::unexpected(got.error());
        into = *got;
        return {};
    });
    out.default_text = into == 0 ? "0 (no limit)" : fmt::format("{}", into);
    return out;
}

option_value ports(std::optional<port_range>& into) {
    return single([&into](const std::string& text) -> result<void> {
        const auto got = parse_ports(text);
        if (!got) return std::unexpected(got.error());
        into = *got;
        return {};
    });
}

option_value count(std::optional<std::size_t>& into, count_bounds bounds) {
    auto out = single([&into, bounds](const std::string& text) -> result<void> {
        const auto got = parse_count(text, bounds);
        if (!got) return std::unexpected(got.error());
        into = *got;
        return {};
    });
    out.bounds = bounds_text(bounds);
    return out;
}

option_value time(std::optional<std::chrono::milliseconds>& into, time_bounds bounds) {
    auto out = single([&into, bounds](const std::string& text) -> result<void> {
        const auto got = parse_time(text, bounds);
        if (!got) return std::unexpected(got.error());
        into = *got;
        return {};
    });
    out.bounds = bounds_text(bounds);
    return out;
}

option_value required(option_value value) {
    value.required = true;
    return value;
}

option_value not_in_file(option_value value) {
    value.in_file = false;
    return value;
}

std::string bounds_text(const count_bounds& bounds) {
    std::string out;
    if (bounds.max != count_bounds().max) out = fmt::format("{} to {}", bounds.min, bounds.max);
    if (bounds.off) out += out.empty() ? "or off" : ", or off";
    if (bounds.zero) out += out.empty() ? "0: no limit" : ", 0: no limit";
    return out;
}

std::string bounds_text(const time_bounds& bounds) {
    std::string out;
    if (bounds.max != time_bounds().max) out = fmt::format("{} to {}", seconds_text(bounds.min), seconds_text(bounds.max));
    if (bounds.off) out += out.empty() ? "or off" : ", or off";
    if (bounds.zero) out += out.empty() ? "0: no limit" : ", 0: no limit";
    return out;
}

std::string list_of(const std::vector<std::string>& names) {
    std::string out;
    for (std::size_t i = 0; i < names.size(); ++i) out += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
    return out;
}

error unknown_value(std::string_view what, const std::vector<std::string>& known) {
    return {errc::usage, 0, fmt::format("unknown {}; use {}", what, list_of(known))};
}

}  // namespace sallyport::cli
