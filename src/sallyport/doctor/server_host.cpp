#include <sallyport/doctor/server_host.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include <sallyport/doctor/program_output.hpp>
#include <sallyport/firewall/filter_listing.hpp>

namespace sallyport::doctor {

namespace {

namespace fs = std::filesystem;
using diagnosis::server_facts;

[[nodiscard]] std::string content_of(const fs::path& file) {
    std::ifstream in(file);
    std::ostringstream out;
    out << in.rdbuf();
    return std::move(out).str();
}

template <class Number>
[[nodiscard]] std::optional<Number> number_in_file(const fs::path& file) {
    Number out = 0;
    std::ifstream in(file);
    if (!(in >> out)) return std::nullopt;
    return out;
}

template <class Number>
[[nodiscard]] std::optional<Number> hexadecimal(std::string_view text) {
    Number out = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out, 16);
    if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return out;
}

/// "0100007F:0015": groups of four bytes in the order of this machine's bytes.
[[nodiscard]] std::optional<endpoint> socket_address(std::string_view text, bool v4) {
    const std::size_t bytes = v4 ? 4 : 16;
    if (text.size() != 2 * bytes + 5 || text[2 * bytes] != ':') return std::nullopt;
    const auto port = hexadecimal<std::uint16_t>(text.substr(2 * bytes + 1));
    std::array<std::uint8_t, 16> address{};
    for (std::size_t i = 0; i < bytes; ++i) {
        const auto byte = hexadecimal<std::uint8_t>(text.substr(2 * i, 2));
        if (!byte) return std::nullopt;
        // Little endian within each group.
        address.at(i / 4 * 4 + 3 - i % 4) = *byte;
    }
    if (!port) return std::nullopt;
    return endpoint{v4 ? ip_address::v4({address[0], address[1], address[2], address[3]}) : ip_address::v6(address), *port};
}

/// The programs of sockets, by inode. Without rights, only those of this user.
[[nodiscard]] std::map<std::uint64_t, std::string> programs_of_sockets() {
    std::map<std::uint64_t, std::string> out;
    std::error_code failed;
    for (const auto& process : fs::directory_iterator("/proc", failed)) {
        const auto number = process.path().filename().string();
        if (number.find_first_not_of("0123456789") != number.npos) continue;
        std::error_code closed;
        std::string program;
        for (fs::directory_iterator at(process.path() / "fd", closed), end; !closed && at != end; at.increment(closed)) {
            std::error_code gone;
            const auto target = fs::read_symlink(at->path(), gone).string();
            constexpr std::string_view prefix = "socket:[";
            if (gone || !target.starts_with(prefix)) continue;
            if (program.empty()) {
                program = content_of(process.path() / "comm");
                program.erase(std::min(program.find('\n'), program.size()));
            }
            out.emplace(std::strtoull(target.c_str() + prefix.size(), nullptr, 10), program);
        }
    }
    return out;
}

void add_sockets(server_facts& to) {
    const auto programs = programs_of_sockets();
    for (const bool v4 : {true, false}) {
        const auto table = read_socket_table(content_of(v4 ? "/proc/net/tcp" : "/proc/net/tcp6"), v4);
        for (std::size_t i = 0; i < table.listening.size(); ++i) {
            const auto program = programs.find(table.inodes[i]);
            to.host.listeners.push_back({table.listening[i], program == programs.end() ? "" : program->second});
        }
        for (const auto& each : table.connections)
            if (each.state == diagnosis::connection_state::half_open && to.passive_ports.contains(each.local.port))
                to.host.half_open.push_back(each.local.port);
    }
}

[[nodiscard]] std::string container_name() {
    std::error_code ignored;
    if (std::getenv("KUBERNETES_SERVICE_HOST") != nullptr) return "kubernetes";
    if (fs::exists("/.dockerenv", ignored)) return "docker";
    if (fs::exists("/run/.containerenv", ignored)) return "podman";
    return fs::exists("/run/systemd/container", ignored) ? "container" : "";
}

/// Output of a program, or nothing with the reason in `not_measured`.
[[nodiscard]] std::optional<std::string> listing_of(server_facts& to, const std::vector<std::string>& words) {
    auto printed = output_of(words);
    if (printed) return std::move(*printed);
    to.not_measured.push_back(fmt::format("rules of {}: {}", words[0], printed.error().what));
    return std::nullopt;
}

/// False if there is no listing at all.
[[nodiscard]] bool add_iptables(server_facts& to, firewall::packet_filter& filter) {
    bool listed = false;
    for (const bool v4 : {true, false}) {
        const std::string family = v4 ? "iptables" : "ip6tables";
        // Rules of both kinds can exist. A system without the two variants has one kind.
        bool variants = false;
        for (const auto* variant : {"-nft", "-legacy", ""}) {
            if (variant[0] == '\0' && variants) break;
            const auto saved = listing_of(to, {family + variant + "-save"});
            if (!saved) continue;
            listed = variants = true;
            auto read = firewall::read_iptables_listing(*saved, v4, variant);
            filter.add(std::move(read));
            for (const auto& rule : firewall::ftp_helpers_of_iptables(*saved, family + variant))
                to.host.helper_rules.push_back(rule.place + ": " + rule.rule);
        }
    }
    return listed;
}

void add_packet_filter(server_facts& to) {
    firewall::packet_filter filter;
    const auto missing = to.not_measured.size();
    bool any = false;
    const auto with_handles = listing_of(to, {"nft", "-a", "list", "ruleset"});
    if (const auto listed = listing_of(to, {"nft", "-j", "list", "ruleset"})) {
        any = true;
        if (auto read = firewall::read_nft_listing(*listed, with_handles.value_or("")))
            filter.add(std::move(*read));
        else
            to.not_measured.push_back(read.error().what);
    }
    if (with_handles)
        for (const auto& rule : firewall::ftp_helpers_of_nft(*with_handles, false))
            to.host.helper_rules.push_back(rule.place + ": " + rule.rule);
    any = add_iptables(to, filter) || any;
    if (!any && to.not_measured.size() == missing)
        to.not_measured.emplace_back(
            "rules of the packet filter: there is neither nft nor iptables-save; install nftables, which lists them");
    if (const auto setting = automatic_helpers()) to.host.helper_rules.push_back(setting->place + ": " + setting->rule);
    // Half of the rules would give wrong answers.
    if (to.not_measured.size() != missing) return;
    to.host.accepts_related = filter.accepts_related;
    to.host.blocked.emplace();
    std::vector<port_range> ranges;
    for (const auto port : to.control_ports) ranges.push_back({port, port});
    if (to.passive && to.passive_ports.first != 0) ranges.push_back(to.passive_ports);
    for (const bool v4 : {true, false})
        for (const auto& range : ranges)
            for (const auto& found : firewall::find_blocked(filter, v4, range))
                to.host.blocked->push_back({found.ports, v4, found.decision.outcome == firewall::filter_outcome::rejected,
                                            found.decision.depends, found.decision.place, found.decision.rule});
}

/// By the kernel's number (include/net/tcp_states.h). One that ends now has been established.
[[nodiscard]] std::optional<diagnosis::connection_state> state_of(std::string_view number) {
    if (number == "02") return diagnosis::connection_state::connecting;
    // TCP_NEW_SYN_RECV is shown as TCP_SYN_RECV.
    if (number == "03") return diagnosis::connection_state::half_open;
    const bool ended =
        number == "04" || number == "05" || number == "06" || number == "08" || number == "09" || number == "0B";
    return ended || number == "01" ? std::optional(diagnosis::connection_state::established) : std::nullopt;
}

}  // namespace

socket_table read_socket_table(std::string_view text, bool v4) {
    socket_table out;
    std::istringstream in{std::string(text)};
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string number, local, remote, state, queues, timer, retransmits, user, timeout;
        std::uint64_t inode = 0;
        if (!(words >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >> inode))
            continue;
        const auto at = socket_address(local, v4);
        if (!at) continue;
        if (state == "0A") {
            out.listening.push_back(*at);
            out.inodes.push_back(inode);
        }
        const auto with = socket_address(remote, v4);
        if (const auto known = state_of(state); known && with) out.connections.push_back({*at, *with, *known});
    }
    return out;
}

std::optional<firewall::conflicting_rule> automatic_helpers() {
    // Kernels before 6.0 have it.
    if (number_in_file<int>("/proc/sys/net/netfilter/nf_conntrack_helper").value_or(0) == 0) return std::nullopt;
    return firewall::conflicting_rule{
        "kernel setting", "net.netfilter.nf_conntrack_helper = 1", {"sysctl", "-w", "net.netfilter.nf_conntrack_helper=0"}};
}

void add_host_facts(server_facts& to) {
    to.host.container = container_name();
    add_sockets(to);
    add_packet_filter(to);
    to.host.conntrack_timeout = number_in_file<std::int64_t>("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established");
    // Other servers set SO_KEEPALIVE, and leave its times to the system.
    if (!to.program.empty() && to.program != "sallyport")
        to.keepalive = number_in_file<std::int64_t>("/proc/sys/net/ipv4/tcp_keepalive_time");
}

}  // namespace sallyport::doctor
