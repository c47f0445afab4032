// docs/protocol.md: what server and gateway do with each command, as both machines themselves answer. tools/protocol-page
// writes the page with the tables that this prints.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <sallyport/proto/client_side/both_machines_test.hpp>
#include <sallyport/proto/relay_test_script.hpp>
#include <sallyport/proto/server_information.hpp>
#include <sallyport/proto/written_page_test.hpp>

namespace sallyport::proto {
namespace {

/// An argument that the command accepts.
[[nodiscard]] std::string example_argument(const command_row& row) {
    switch (row.id) {
        case verb::port: return " 198,51,100,7,200,1";
        case verb::eprt: return " |1|198.51.100.7|51201|";
        case verb::type: return " I";
        case verb::mode: return " S";
        case verb::stru: return " F";
        case verb::allo: return " 10";
        case verb::prot: return " P";
        case verb::auth: return " TLS";
        case verb::opts: return " UTF8 ON";
        case verb::rang: return " 0 9";
        case verb::host: return " ftp.example.org";
        case verb::help:
        case verb::lang: return "";
        default: break;
    }
    if (row.argument == argument_shape::number) return " 0";
    return row.argument == argument_shape::text ? " name" : "";
}

/// A cell of a table.
[[nodiscard]] std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c;
    }
    return out;
}

[[nodiscard]] std::string document_of(const command_row& row) {
    const auto blank = row.rfc.find(' ');
    const std::string name(row.rfc.substr(0, blank));
    const auto section = blank == std::string_view::npos ? "" : fmt::format(", {}", row.rfc.substr(blank + 1));
    return (row.rfc.front() >= '0' && row.rfc.front() <= '9' ? "RFC " : "") + name + section;
}

[[nodiscard]] std::string syntax_of(const command_row& row) {
    std::string text(row.syntax);
    for (const std::string blank : {"<SP> ", " <SP>"})
        for (auto at = text.find(blank); at != std::string::npos; at = text.find(blank)) text.erase(at, blank.size());
    return cell(fmt::format("{}{}{}", row.name, text.empty() ? "" : " ", text));
}

/// The server's reply to a command after the login.
[[nodiscard]] std::string reply_of_server(const std::string& line) {
    const circumstances about{.tls = true};
    server_side server(about, about.service(), about.client(), false);
    server.client("USER bob\r\nPASS x\r\n");
    (void)server.take();
    server.client(line + "\r\n");
    const auto reply = server.take();
    return reply.substr(0, reply.find("\r\n"));
}

/// The gateway's own reply to a command after the login; empty if the backend receives the command.
[[nodiscard]] std::string reply_of_gateway(const std::string& line) {
    relay_script::relay_driver gateway(relay_script::with_tls(), false);
    gateway.play(relay_script::login);
    gateway.client(line + "\r\n");
    if (!gateway.to_backend.empty()) {
        EXPECT_EQ(gateway.to_backend.front(), line);
        return {};
    }
    return gateway.to_client.empty() ? "" : gateway.to_client.front();
}

[[nodiscard]] std::string_view gateway_with(const command_row& row) {
    switch (row.data) {
        case data_use::passive:
        case data_use::active: return "negotiates with client and server separately";
        case data_use::download:
        case data_use::upload:
        case data_use::listing: return "forwards it and relays the data";
        case data_use::none: break;
    }
    relay_script::relay_driver gateway(relay_script::with_tls(), false);
    if (row.id == verb::pass)
        gateway.play("< 220 Welcome.\n> USER u\n>> USER u\n<< 331 Password?\n< 331 Password?\n");
    else if (row.earliest == session_stage::connected)
        gateway.play("< 220 Welcome.\n");
    else
        gateway.play(relay_script::login);
    if (row.id == verb::rnto) gateway.play("> RNFR name\n>> RNFR name\n<< 350 Go.\n< 350 Go.\n");
    gateway.client(std::string(row.name) + example_argument(row) + "\r\n");
    return gateway.to_backend.empty() ? "answers it itself" : "forwards it";
}

[[nodiscard]] std::string commands_table() {
    const server_offer all{.tls = true, .ccc = true, .doctor = true};
    std::string out = "| command | defined in | server | gateway |\n|---|---|---|---|\n";
    for (const auto& row : command_table()) {
        std::string server = "yes";
        if (!is_offered(row.id, all))
            server = fmt::format("`{}`", reply_of_server(std::string(row.name) + example_argument(row)));
        else if (!row.feat.empty() && row.id != verb::cwd && row.id != verb::opts)
            server = fmt::format("yes, FEAT: `{}`", row.id == verb::mlst   ? "MLST type*;..."
                                                    : row.id == verb::hash ? "HASH SHA-256*;..."
                                                                           : row.feat);
        out += fmt::format("| `{}` | {} | {} | {} |\n", syntax_of(row), document_of(row), cell(server), gateway_with(row));
    }
    return out;
}

[[nodiscard]] std::string refusals_table() {
    std::string out = "| command | server | gateway |\n|---|---|---|\n";
    for (const std::string line : {"PORT 192,0,2,9,200,1",
                                   "PORT 198,51,100,7,0,22",
                                   "EPRT |3|x|1|",
                                   "TYPE E",
                                   "TYPE L 7",
                                   "STRU R",
                                   "STRU P",
                                   "MODE B",
                                   "MODE C",
                                   "MODE Z",
                                   "REST 10",
                                   "SIZE name",
                                   "RANG 0 9",
                                   "RNTO name",
                                   "AUTH KERBEROS",
                                   "CCC",
                                   "HOST ftp.example.org",
                                   "LANG FR",
                                   "OPTS UTF8 OFF",
                                   "OPTS HASH SHA-3",
                                   "MFF UNIX.owner=0; name",
                                   "SITE CHMOD 4755 name",
                                   "SITE EXEC name",
                                   "LPSV",
                                   "LPRT 4,4,1,2,3,4,2,1,2",
                                   "CPSV",
                                   "SSCN ON",
                                   "ADAT x",
                                   "MIC x",
                                   "CONF x",
                                   "ENC x",
                                   "COMB a b",
                                   "DSIZ"}) {
        const auto own = reply_of_gateway(line);
        const auto server = reply_of_server(line);
        out += fmt::format("| `{}` | {} | {} |\n", cell(line), cell(server[0] < '4' ? "accepts it" : "`" + server + "`"),
                           cell(own.empty() ? "forwards it" : "`" + own + "`"));
    }
    return out;
}

TEST(ProtocolPage, DocumentsHaveIt) {
    const auto tables = fmt::format("## Commands\n\n{}\n## Refusals\n\n{}", commands_table(), refusals_table());
    expect_written_part(SALLYPORT_PROTOCOL_PAGE, "tools/protocol-page", tables);
}

}  // namespace
}  // namespace sallyport::proto
