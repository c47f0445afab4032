#pragma once
// Options that the client commands share, their values from the command line, from a site and from the file of default
// options, and the session settings that they describe. A value that its command owns; used on the main thread.

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/config_file.hpp>
#include <sallyport/cli/key_trust.hpp>
#include <sallyport/cli/mapping_values.hpp>
#include <sallyport/cli/option_table.hpp>
#include <sallyport/client/client.hpp>
#include <sallyport/client/netrc.hpp>
#include <sallyport/reach/router_mapping.hpp>

namespace sallyport::cli {

/// How files move.
struct transfer_settings {
    static constexpr std::size_t default_connections = 3;
    /// Each has a thread, and few servers allow more for one user.
    static constexpr std::size_t max_connections = 32;

    std::optional<std::chrono::milliseconds> stall;
    std::uint64_t stall_rate = limits::stall_rate;
    /// 0: no limit.
    std::uint64_t max_rate = 0;
    bool no_pipelining = false;
    std::optional<std::size_t> parallel;
    client::verify_by verify = client::verify_by::automatic;

    [[nodiscard]] std::size_t connections() const { return parallel.value_or(default_connections); }
};

struct security_settings {
    bool insecure = false;
    std::string ca_file;
    trust_mode trust = trust_mode::ca;
    std::vector<std::string> pins;
    bool tls13_only = false;
    std::string certificate;
    std::string key;
    bool no_data_tls = false;

    [[nodiscard]] bool checks_keys() const noexcept { return trust != trust_mode::ca || !pins.empty(); }
    /// Errors name the options.
    [[nodiscard]] result<void> check() const;
    [[nodiscard]] net::tls_client_options tls() const;
};

/// The way to the server.
struct network_settings {
    bool ipv4 = false;
    bool ipv6 = false;
    std::string proxy;
    std::string no_proxy;

    /// Whether they exclude each other, or are wrong. Errors name the options.
    [[nodiscard]] result<void> check() const;
    /// From --proxy or the environment; nothing for hosts that are excepted. Errors name the option or the variable.
    [[nodiscard]] result<std::optional<client::proxy_server>> proxy_for(const std::string& host) const;
};

/// Where options come from, with the values of each source.
struct option_sources {
    /// The command line, which takes precedence over the settings of a site.
    option_values given;
    /// The file of default options, over which both take precedence.
    option_values defaults;
    bool no_config = false;
};

struct client_options {
    bool verbose = false;
    bool quiet = false;
    bool json = false;
    security_settings security;
    bool active = false;
    bool passive = false;
    std::string methods;
    network_settings network{};
    client::passive_address passive_address = client::passive_address::control;
    std::optional<port_range> active_ports;
    std::string active_address;
    mapping_options router;
    std::string user;
    std::string password_command;
    std::chrono::milliseconds connect = std::chrono::seconds(10);
    std::optional<std::chrono::milliseconds> timeout;
    transfer_settings transfers;
    bool no_learn = false;
    option_sources sources{};

    void add_to(command_table& table);
    /// Those that a site can have as settings.
    void add_settings_to(command_table& table);
    /// Those for port mappings in active mode, for commands that transfer data.
    void add_mapping_to(command_table& table);
    /// Those for commands that transfer files; `several`: also those for many of them.
    void add_transfers_to(command_table& table, bool several);
    /// For commands that work with servers, not for those that examine them: proxies, and what is learned about servers.
    void add_learning_to(command_table& table);

    /// Called once the command line is parsed, before the other functions: adds the default options. Errors name the file
    /// and the line.
    [[nodiscard]] result<void> load(CLI::App& command);
    /// These options, with the settings of the site if `location` was given as the name of one.
    [[nodiscard]] result<client_options> for_site(const client::url& location) const;
    /// The values of these options: those of the command line, of the site, and the default ones.
    [[nodiscard]] result<option_values> values_for(const client::url& location) const;
    /// The options as if these were the ones on the command line. Errors name the option.
    [[nodiscard]] result<client_options> with(option_values given) const;
    /// Whether they exclude each other. Errors name the options.
    [[nodiscard]] result<void> check() const;

    /// The session options for `location`, with user and password from the URL, --user, --password-command,
    /// SALLYPORT_PASSWORD, ~/.netrc or the terminal. Errors name the option.
    [[nodiscard]] result<client::options> session(const client::url& location) const;

    /// Port mappings for active mode.
    [[nodiscard]] result<reach::mapping_settings> mapping() const;

private:
    [[nodiscard]] static client_options of_values(const option_values& values, const std::string& name);
    void add_connection_to(command_table& table);
    [[nodiscard]] result<std::vector<client::data_method>> chosen_methods() const;
    /// From --password-command, or the environment.
    [[nodiscard]] result<std::optional<std::string>> secret() const;
    [[nodiscard]] result<client::credentials> login(const client::url& location) const;
    [[nodiscard]] std::optional<client::netrc_login> from_netrc(const std::string& host,
                                                                const std::optional<std::string>& name) const;
};

/// Loads the options of a client command and runs it; returns the exit code. Options that cannot be loaded are reported.
[[nodiscard]] int run_client(CLI::App& command, client_options& options, const std::function<int()>& run);

/// Calls run_client() once the command line is parsed. The options live as long as `run`.
void set_client_callback(CLI::App& command, client_options& options, int& exit_code, std::function<int()> run);

}  // namespace sallyport::cli
