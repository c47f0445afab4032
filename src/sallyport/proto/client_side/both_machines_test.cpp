// A client cannot distinguish server and gateway by their replies: the same scripts run against server_machine, and against
// relay_machine with a server_machine as its backend that accepts everything. Each script runs line by line and byte by
// byte; both must send exactly the same replies, and the backend must understand what the server understands. A list at the
// end has the necessary differences with their reasons.

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include <sallyport/base/limits.hpp>
#include <sallyport/proto/client_side/both_machines_test.hpp>

namespace sallyport::proto {
namespace {

/// Each line of a script is one segment of the client, in which "&" is a line end; "!" starts a directive.
template <class Side>
[[nodiscard]] std::string conversation(Side side, const std::string& script, bool bytewise) {
    std::string out = side.take();
    std::istringstream lines(script);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('!')) {
            side.directive(std::string_view(line).substr(1));
            out += side.take();
            continue;
        }
        std::string bytes;
        for (const char c : line + "&") bytes += c == '&' ? "\r\n" : std::string(1, c);
        const std::size_t size = bytewise ? 1 : bytes.size();
        for (std::size_t i = 0; i < bytes.size() && !side.closed(); i += size) {
            side.client(std::string_view(bytes).substr(i, size));
            out += side.take();
        }
    }
    return out + (side.closed() ? "closed" : "open") + '\n' + side.understood();
}

[[nodiscard]] std::string of_server(const circumstances& about, const std::string& script, bool bytewise) {
    return conversation(server_side(about, about.service(), about.client(), false), script, bytewise);
}

[[nodiscard]] std::string of_gateway(const circumstances& about, const std::string& script, bool bytewise,
                                     bool chooses = false) {
    return conversation(gateway_side(about, chooses), script, bytewise);
}

struct scene {
    circumstances about;
    std::string script;
    // Text that must be in the replies, which shows that the script tests what it should.
    std::string_view contains;
};

constexpr circumstances plain{};
constexpr circumstances tls{.tls = true};
constexpr circumstances must_tls{.tls = true, .tls_required = true};
constexpr circumstances implicit{.implicit_tls = true};
constexpr circumstances may_clear{.tls = true, .ccc = true};
constexpr circumstances ipv6{.ipv6 = true};

const std::string in = "USER bob\nPASS x\n";
const std::string secure = "AUTH TLS\nUSER bob\nPASS x\n";
const std::string secured = secure + "PBSZ 0\nPROT P\n";
const std::string late_login = "USER bob\nPASS x\nAUTH TLS\n";
const std::string nul(1, '\0');
const std::string overlong(limits::max_command_line_before_login + 10, 'A');
const std::string overlong_later(limits::max_command_line + 10, 'A');

[[nodiscard]] std::string telnet_flood() {
    std::string out;
    for (int i = 0; i <= limits::max_telnet_replies; ++i) out += "\xff\xfd\x01";
    return out;
}

[[nodiscard]] std::vector<scene> scenes() {
    return {
        // Lines
        {plain, "NOOP\nSYST\n", "215 UNIX Type: L8"},
        {plain, "XYZZY\n", "500 Unknown command."},
        {plain, "USER bob\nXYZZY a\n", "500 Unknown command."},
        {plain, in + "XYZZY\n", "500 Unknown command."},
        {plain, "\n NOOP\n123\n", "500 "},
        {plain, "DELE a" + nul + "b\nDELE a\rb\nDELE a\x1b\nNOOP\n", "501 Control characters are not allowed in a command."},
        {plain, "USER\n", "501 USER requires an argument"},
        {plain, "QUIT now\n", "501 QUIT takes no argument."},
        {plain, in + "REST x\nSIZE\nPASV now\n", "501 REST requires a number"},
        {plain, overlong + "\nNOOP\n", "500 Command line too long."},
        {plain, overlong + "\n" + overlong + "\nNOOP\n" + overlong + "\nNOOP\n", "421 Too many overlong command lines."},
        {plain, in + "PWD\n" + overlong_later + "\nPWD\n", "500 Command line too long."},
        {plain, in + "REIN\n" + overlong + "\n", "500 Command line too long."},
        {plain, "GET / HTTP/1.1\nNOOP\n", "421 This is an FTP service."},
        {plain, "NOOP&GET / HTTP/1.1&PORT 198,51,100,7,200,1\n", "421 This is an FTP service."},
        {plain, "GET / HTTP/1.1" + nul + "\n", "421 This is an FTP service."},
        {plain, "NOOP\n\x16\x03\x01" + nul + "abc\n", "421 This is an FTP service."},
        {plain, "\x16\x03\x01\n", "421 This is an FTP service."},
        {plain, "EHLO mail.example.org\n", "421 This is an FTP service."},
        {plain, "SSH-2.0-x\n", "421 This is an FTP service."},
        {plain, "INVITE sip:a@b SIP/2.0\n", "421 This is an FTP service."},
        {plain, "NOOP\n" + telnet_flood() + "\nNOOP\n", "421 Too many Telnet negotiations."},
        {plain,
         "\xff\xfd\x01NO\xff\xf1OP\n\xff\xf4\xff\xf2"
         "ABOR\n",
         "226 No transfer is running."},
        {plain, "NOOP&NOOP&SYST&QUIT&NOOP\n", "221 Goodbye."},
        {plain, in + "PWD&CWD /a&PWD&NOOP\n", "257 \"/a\""},
        {plain, "NOOP\n!end of input\n", "221 Goodbye."},
        {plain, in + "PWD\n!end of input\n", "221 Goodbye."},

        // The login
        {plain, "PASS x\n", "503 Send USER first."},
        {plain, "CWD /\nPASV\nRETR a\nSTAT\nMODE S\n", "530 Log in with USER and PASS first."},
        {plain, "USER bob\nCWD /\nPORT 198,51,100,7,200,1\nLIST\n", "530 Log in with USER and PASS first."},
        {plain, "ACCT a\nUSER bob\nACCT a\n", "530 Log in with USER and PASS first."},
        {plain, in + "ACCT a\n", "202 "},
        {plain, "USER bob\nPASS wrong\nPASS x\nPWD\n", "530 Login incorrect."},
        {plain, "USER bob\nPASS wrong\nUSER bob\nPASS wrong\nUSER bob\nPASS wrong\nNOOP\n", "421 Too many failed logins;"},
        {plain, in + "PASS x\n", "503 "},
        {plain, in + "USER eve\nPWD\nPASS x\nPWD\n", "530 Log in with USER and PASS first."},
        {plain, in + "PASV\nUSER eve\nPASS x\nRETR a\n", "425 Send EPSV, PASV, EPRT or PORT first."},
        {plain, in + "REIN\nPWD\n" + in + "PWD\n", "220 Sallyport ready."},
        {plain, in + "PASV\nREIN\n" + in + "RETR a\n", "425 Send EPSV, PASV, EPRT or PORT first."},
        {plain, "HOST ftp.example.org\n" + in, "220 Host accepted."},
        {plain, "HOST 10.0.0.1\nHOST [10.0.0.1]\n" + in, "220 Host accepted."},
        {plain, "HOST 169.254.169.254\nHOST [::1]\nHOST 10.0.0.2\n", "504 That host is not served here."},
        {plain, "HOST a:21\nHOST a/b\nHOST [\nHOST\n", "504 That host is not served here."},
        {plain, "USER bob\nHOST ftp.example.org\nPASS x\nHOST 10.0.0.1\n", "503 HOST must come before USER."},
        {ipv6, "HOST [2001:db8::1]\nHOST 2001:db8::1\nHOST 2001:db8::2\n", "504 That host is not served here."},

        // TLS
        {plain, "AUTH TLS\nPBSZ 0\nPROT P\n", "502 TLS is not available here."},
        {plain, in + "AUTH TLS\nCCC\n", "533 The control connection is not encrypted."},
        {plain, "CCC\n", "530 Log in with USER and PASS first."},
        {tls, "AUTH KERBEROS\nAUTH\n", "504 Only AUTH TLS is supported."},
        {tls, "AUTH TLS\nAUTH TLS\n", "503 TLS is already active."},
        {tls, secure + "AUTH TLS\n", "503 TLS is already active."},
        {tls, "AUTH SSL\n" + in + "PASV\nRETR a\n", "226 Transfer completed."},
        {tls, "USER bob\nAUTH TLS\nPASS x\n" + in + "PWD\n", "503 Send USER first."},
        {tls, late_login + "PWD\nPASS x\n" + in + "PWD\n", "530 Log in with USER and PASS first."},
        {tls, in + "PASV\nAUTH TLS\nRETR a\n" + in + "RETR a\n", "425 Send EPSV, PASV, EPRT or PORT first."},
        {tls, "HOST ftp.example.org\nUSER bob\nAUTH TLS\nHOST ftp.example.org\n", "220 Host accepted."},
        {tls, "AUTH TLS&USER evil\n", ""},
        {tls, in + "AUTH TLS&PWD\n", ""},
        {tls, "PBSZ 0\nPROT P\n", "503 PBSZ requires TLS; send AUTH TLS first."},
        {tls, "AUTH TLS\nPBSZ x\nPBSZ 4294967296\nPBSZ 4294967295\n", "501 PBSZ takes a number up to 4294967295"},
        {tls, secure + "PROT P\n", "503 Send PBSZ 0 before PROT."},
        {tls, secure + "PBSZ 0\nPROT S\nPROT E\nPROT X\nPROT c\nPROT p\n",
         "536 Only PROT C and PROT P are possible with TLS."},
        {tls, secured + "PASV\nRETR a\nPROT C\nEPSV\nRETR a\n", "200 Data connections will not be encrypted."},
        {tls, secured + "REIN\n" + in + "PROT P\n", "503 Send PBSZ 0 before PROT."},
        {tls, secured + "CCC\n", "534 The control connection stays encrypted."},
        {may_clear, "AUTH TLS\nCCC\n", "530 Log in with USER and PASS first."},
        {may_clear, secure + "CCC\n", "534 Data connections must be encrypted first; send PROT P."},
        {may_clear, secured + "CCC\nPWD\nPROT C\nPBSZ 0\nAUTH TLS\nCCC\n",
         "503 The data protection level cannot be changed after CCC."},
        {may_clear, secured + "CCC\nREIN\nPWD\n", "502 REIN is not possible after CCC"},
        {may_clear, secured + "CCC&PWD\n", ""},
        {must_tls, in + "LIST\n", "530 TLS is required; send AUTH TLS before USER."},
        {must_tls, secure + "PASV\nRETR a\nPBSZ 0\nRETR a\nPROT C\nPROT P\nRETR a\n",
         "521 Data connections must be encrypted; send PBSZ 0 and PROT P."},
        {must_tls, secured + "CCC\n", "534 The control connection stays encrypted."},
        {implicit, "AUTH TLS\n" + in + "PASV\nRETR a\nREIN\nPROT P\n", "503 TLS is already active."},
        {implicit, in + "CCC\nPBSZ 0\nPROT C\nPROT P\n", "534 The control connection stays encrypted."},

        // Data connections
        {plain, in + "PASV\nRETR a\nPASV\nSTOR a\nPASV\nLIST\n", "227 Entering Passive Mode (10,0,0,1,195,80)"},
        {plain, in + "EPSV\nRETR a\nEPSV 1\nMLSD\n", "229 Entering Extended Passive Mode (|||50000|)"},
        {plain, in + "EPSV 2\nEPSV 3\n", "522 Network protocol not supported, use (1)."},
        {plain, in + "EPSV x\nEPSV 1 1\n", "501 Syntax: EPSV[<SP> 1 | 2 | ALL]"},
        {plain, in + "EPSV ALL\nPASV\nPORT 198,51,100,7,200,1\nEPRT |1|198.51.100.7|51201|\nEPSV\nRETR a\n",
         "501 After EPSV ALL only EPSV is allowed."},
        {plain, in + "EPSV\nEPSV ALL\nRETR a\n", "425 Send EPSV, PASV, EPRT or PORT first."},
        {plain, in + "EPSV ALL\nREIN\n" + in + "PASV\n", "501 After EPSV ALL only EPSV is allowed."},
        {plain, in + "PORT 198,51,100,7,200,1\nRETR a\n", "200 PORT command successful."},
        {plain, in + "EPRT |1|198.51.100.7|51201|\nRETR a\n", "200 EPRT command successful."},
        {plain, in + "PORT 1,2,3\nPORT 256,0,0,1,4,0\nPORT x\n", "501 Syntax: PORT <SP> h1,h2,h3,h4,p1,p2"},
        {plain, in + "EPRT x\nEPRT |1|198.51.100.7|99999|\n", "501 Syntax: EPRT <SP> |protocol|address|port|"},
        {plain, in + "EPRT |3|198.51.100.7|51201|\n", "522 Network protocol not supported, use (1,2)."},
        {plain, in + "PORT 192,168,1,2,7,138\n",
         "504 192.168.1.2 is a private address and cannot be reached from here; use passive mode."},
        {plain, in + "PORT 203,0,113,9,200,1\nPORT 198,51,100,7,0,22\nEPRT |2|2001:db8::7|51201|\n",
         "504 The address must be your own and the port 1024 or higher."},
        {plain, in + "PASV\nPORT 203,0,113,9,200,1\nRETR a\n", "425 Send EPSV, PASV, EPRT or PORT first."},
        {plain, in + "PASV\nEPSV 2\nRETR a\n", "425 Send EPSV, PASV, EPRT or PORT first."},
        {plain, in + "!no ports\nPASV\nEPSV\nRETR a\n", "425 All passive ports are in use; try again later."},
        {plain, in + "RETR a\nLIST\nSTOR a\n", "425 Send EPSV, PASV, EPRT or PORT first."},
        {ipv6, in + "EPSV 1\nEPSV 2\nRETR a\n", "522 Network protocol not supported, use (2)."},
        {ipv6, in + "PASV\nPORT 198,51,100,7,200,1\n", "425 PASV cannot name an IPv6 address; use EPSV."},
        {ipv6, in + "EPRT |2|2001:db8::7|51201|\nRETR a\n", "200 EPRT command successful."},

        // What one command leaves for the next, of which a gateway refuses some by itself
        {plain, in + "TYPE I\nREST 5\nRETR a\nPASV\nSTOR a\n", "STOR /a 0 I"},
        {plain, in + "TYPE I\nREST 5\nLIST\nPASV\nSTOR a\n", "STOR /a 0 I"},
        {plain, in + "TYPE I\nREST 5\nPASV\nNOOP\nSTOR a\n", "STOR /a 5 I"},
        {plain, in + "TYPE I\nREST 5\nAPPE a\nREST 5\nPASV\nAPPE a\nRETR a\n", "503 REST cannot be used with APPE."},
        {plain, in + "RNFR a\nRETR a\nRNTO b\n", "503 Send RNFR first, directly before RNTO."},
        {plain, in + "RNFR a\nEPSV ALL\nRNTO b\nRNFR a\nRNTO b\nRNTO c\n", "503 Send RNFR first, directly before RNTO."},
        {plain, in + "RNFR a\nXYZZY\n 1\nRNTO b\n", "RNTO /b /a 0"},
        {plain, in + "RNFR a\nUSER bob\nPASS x\nRNTO b\n", "503 Send RNFR first, directly before RNTO."},

        // Names with a byte 255
        {plain, in + "MKD a\xff\xff" + "b\nCWD a\xff\xff\nPWD\n", "257 \"/a\xff\xff\" is the current directory."},
        {tls, secure + "MKD a\xff" + "b\nCWD a\xff\xff\xf4\nPWD\n", "257 \"/a\xff\xff\xf4\" is the current directory."},

        // Commands during a transfer
        {plain, in + "PASV\n!hold\nRETR a\nNOOP\nNOOP\nPWD\nNOOP\n!finish\n", "257 \"/\""},
        {plain, in + "PASV\n!hold\nRETR a\nABOR\nNOOP\n", "426 Transfer aborted."},
        {plain, in + "PASV\n!hold\nRETR a\nABOR\nABOR\nNOOP\n", "426 Transfer aborted."},
        {plain, in + "PASV\n!hold\nRETR a\nNOOP\nABOR\nPWD\n", "426 Transfer aborted."},
        {plain, in + "PASV\n!hold\nRETR a\nPASV\nRETR b\nABOR\nNOOP\n", "426 Aborted before it began."},
        {plain, in + "PASV\n!hold\nRETR a\nXYZZY\nDELE a" + nul + "\n" + overlong_later + "\n!finish\n",
         "500 Command line too long."},
        {plain, in + "PASV\n!hold\nRETR a\nNOOP\nEHLO x\nNOOP\n!finish\n", "421 This is an FTP service."},
        {plain, in + "PASV\n!hold\nRETR a\nQUIT\nNOOP\n!finish\n", "221 Goodbye."},
        {plain, in + "PASV\n!hold\nRETR a\nUSER eve\nPWD\n!finish\n", "530 Log in with USER and PASS first."},
        {plain, in + "PASV\n!hold\nRETR a\nPORT 198,51,100,7,200,1\nRETR b\n!finish\n", "200 PORT command successful."},
        {tls, in + "PASV\n!hold\nRETR a\nAUTH TLS\n!finish\nPWD\n", "234 Start the TLS handshake."},
        {plain, in + "ABOR\nPASV\nABOR\nRETR a\n", "226 No transfer is running."},
    };
}

TEST(BothMachines, AreOneServiceToTheirClients) {
    EXPECT_GE(scenes().size(), 60U);
    for (const auto& [about, script, contains] : scenes()) {
        for (const bool bytewise : {false, true}) {
            SCOPED_TRACE(script + (bytewise ? "byte by byte" : "line by line"));
            const auto server = of_server(about, script, bytewise);
            EXPECT_EQ(of_gateway(about, script, bytewise), server);
            EXPECT_NE(server.find(contains), std::string::npos) << server;
        }
    }
}

// Bytes after AUTH and CCC in the same segment end the session; byte by byte they arrive after the handshake.
// CVE-2011-0411 CVE-2011-1575 CVE-2012-2532.
TEST(BothMachines, DoNotAcceptUnencryptedBytesAsProtected_TLS01) {
    for (const bool chooses : {false, true}) {
        for (const std::string following : {"USER evil", "PWD", ""}) {
            EXPECT_NE(of_server(tls, "AUTH TLS&" + following, false).find("421 "), std::string::npos);
            EXPECT_NE(of_gateway(tls, "AUTH TLS&" + following, false, chooses).find("421 "), std::string::npos);
        }
    }
}

// If the gateway selects the backend at the login, its replies before the login are the same too, except for the greeting.
TEST(BothMachines, AreOneServiceBeforeTheGatewayHasABackend) {
    for (const auto& [about, script, contains] : scenes()) {
        // REIN has another greeting; see the list below.
        if (script.find("REIN") != std::string::npos) continue;
        for (const bool bytewise : {false, true}) {
            SCOPED_TRACE(script + (bytewise ? "byte by byte" : "line by line"));
            const auto without_greeting = [](const std::string& all) { return all.substr(all.find("\r\n")); };
            EXPECT_EQ(without_greeting(of_gateway(about, script, bytewise, true)),
                      without_greeting(of_server(about, script, bytewise)));
        }
    }
}

// ---- Necessary differences

struct difference {
    std::string why;
    circumstances about;
    std::string script;
    // The last reply of each.
    std::string server;
    std::string gateway;
    bool chooses = false;
};

[[nodiscard]] std::string last_reply(const std::string& all) {
    const auto end = all.rfind("\r\n");
    const auto begin = all.rfind("\r\n", end - 2);
    return all.substr(begin + 2, end - begin - 2);
}

[[nodiscard]] std::vector<difference> differences() {
    return {
        {"each of the gateway's transfers has a data connection of its own with the backend", plain, in + "MODE B\n",
         "200 Mode is block.", "504 MODE B is not supported here; the mode is unchanged."},
        {"FEAT is the backend's list, changed by the features that the gateway implements itself", plain, in + "FEAT\n",
         "211 End", "211 End"},
        {"commands that wrap the control connection or redirect data are not forwarded to a backend", plain, in + "LPSV\n",
         "500 Unknown command.", "502 LPSV is not supported here."},
        {"HOST with a name was forwarded, so the backend decides about a later address", plain,
         "HOST ftp.example.org\nHOST 10.0.0.1\n", "220 Host accepted.", "504 That host is not served here."},
        {"without a backend the greeting is the gateway's own", plain, in + "REIN\n", "220 Sallyport ready.",
         "220 Sallyport ready.", true},
        {"the same after a login that ended with its backend", tls, in + "AUTH TLS\nREIN\n", "220 Sallyport ready.",
         "220 FTP service ready."},
        {"before the login the backend's languages are unknown", plain, "LANG EN\n", "200 Messages are in English.",
         "530 Log in with USER and PASS first.", true},
        {"its commands are unknown too", plain, "HELP\n", "214 Send HELP with a command for its syntax.",
         "214 Log in with USER and PASS; there is more help then.", true},
        {"OPTS UTF8 ON is sent to the backend at the login", plain, "OPTS UTF8 ON\n", "200 Names are UTF-8.",
         "200 UTF8 will be on.", true},
        {"other options would not be stored", plain, "OPTS MLST size;\n", "200 MLST OPTS size;",
         "501 Only OPTS UTF8 ON has a meaning before the login.", true},
    };
}

TEST(BothMachines, DifferWhereTheyMust) {
    for (const auto& d : differences()) {
        for (const bool bytewise : {false, true}) {
            SCOPED_TRACE(d.why);
            EXPECT_EQ(last_reply(of_server(d.about, d.script, bytewise)), d.server);
            EXPECT_EQ(last_reply(of_gateway(d.about, d.script, bytewise, d.chooses)), d.gateway);
        }
    }
}

}  // namespace
}  // namespace sallyport::proto
