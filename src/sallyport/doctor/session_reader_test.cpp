#include <sallyport/doctor/session_reader.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::doctor {
namespace {

using diagnosis::method_result;
using proto::data_method;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

struct attempt {
    data_method method;
    method_result result;
    std::string target;
    friend bool operator==(const attempt&, const attempt&) = default;
    friend void PrintTo(const attempt& a, std::ostream* out) {
        *out << proto::name(a.method) << ' ' << name(a.result) << ' ' << a.target;
    }
};

std::vector<attempt> attempts(const diagnosis::facts& known) {
    std::vector<attempt> out;
    for (const auto& m : known.methods) out.push_back({m.method, m.result, m.target ? m.target->text() : ""});
    return out;
}

diagnosis::facts only(std::string_view text, std::string_view program) {
    const auto read = read_transcript(text);
    EXPECT_EQ(read.program, program);
    for (const auto& e : read.events) EXPECT_THAT(e.text, Not(HasSubstr("geheim")));
    auto found = facts_of(read);
    EXPECT_THAT(found, SizeIs(1));
    return found.empty() ? diagnosis::facts() : std::move(found[0]);
}

// Each transcript below was printed by the real program, and shortened. D3.

constexpr auto curl_silent = R"(  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current
  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0*   Trying 127.0.0.1:2121...
* Connected to 127.0.0.1 (127.0.0.1) port 2121 (#0)
< 220 Sallyport ready.
> USER anna
  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0< 331 Password required.
> PASS geheim
< 230 Logged in.
> EPSV
* Connect data stream passively
< 229 Entering Extended Passive Mode (|||30000|)
* Connecting to 127.0.0.1 (127.0.0.1) port 30000
*   Trying 127.0.0.1:30000...
  0     0    0     0    0     0      0      0 --:--:--  0:00:01 --:--:--     0* ipv4 connect timeout after 1742ms, move on!
* Failed to connect to 127.0.0.1 port 2121 after 2004 ms: Couldn't connect to server
* Failed EPSV attempt. Disabling EPSV
> PASV
< 227 Entering Passive Mode (127,0,0,1,117,48)
* Skip 127.0.0.1 for data connection, re-use 127.0.0.1 instead
* Connecting to 127.0.0.1 (127.0.0.1) port 30000
* Connection time-out
* Closing connection 0
curl: (28) Connection time-out
)";

TEST(session_reader_test, reads_curl) {
    const auto known = only(curl_silent, "curl");
    EXPECT_EQ(known.server.text(), "127.0.0.1:2121");
    EXPECT_EQ(known.greeting, "Sallyport ready.");
    EXPECT_THAT(attempts(known), ElementsAre(attempt{data_method::epsv, method_result::silent, "127.0.0.1:30000"},
                                             attempt{data_method::pasv, method_result::silent, "127.0.0.1:30000"}));
    EXPECT_THAT(
        attempts(only("< 220 x\n> PASV\n< 227 Entering Passive Mode (10,0,0,5,117,48)\n*   Trying 192.0.2.1:30000...\n"
                      "* connect to 192.0.2.1 port 30000 failed: Connection refused\n",
                      "curl")),
        ElementsAre(attempt{data_method::pasv, method_result::refused, "192.0.2.1:30000"}));
}

TEST(session_reader_test, reads_a_transfer_that_works) {
    const auto known = only(
        "* Connected\n< 220 x\n> EPSV\n< 229 Entering Extended Passive Mode (|||30000|)\n> SIZE f\n< 213 3\n"
        "> RETR f\n< 150 Opening.\n< 226 Transfer completed.\n",
        "curl");
    EXPECT_THAT(known.methods, SizeIs(1));
    EXPECT_EQ(known.methods[0].result, method_result::ok);
}

TEST(session_reader_test, reads_lftp) {
    constexpr auto before = R"(---- Connecting to 127.0.0.1 (127.0.0.1) port 2121
<--- 220 Sallyport ready.
---> FEAT
<--- 211-Features:
<---  EPSV
<--- 211 End
---> AUTH TLS
<--- 502 TLS is not available here.
---> USER anna
<--- 331 Password required.
---> PASS geheim
<--- 230 Logged in.
---> PASV
<--- 227 Entering Passive Mode (127,0,0,1,117,49)
---- Connecting data socket to (127.0.0.1) port 30001
)";
    const auto refused =
        only(before + std::string("**** Data socket error (Connection refused) - reconnecting\n---> LIST\n"), "lftp");
    EXPECT_THAT(refused.features, ElementsAre("EPSV"));
    EXPECT_THAT(attempts(refused), ElementsAre(attempt{data_method::pasv, method_result::refused, "127.0.0.1:30001"}));
    EXPECT_EQ(only(before + std::string("**** Timeout - reconnecting\n"), "lftp").methods[0].result, method_result::silent);
    EXPECT_EQ(refused.failed_phase(), nullptr);
}

TEST(session_reader_test, reads_ncftp) {
    const auto known = only(R"(220: Sallyport ready.
Connected to 127.0.0.1.
Cmd: USER anna
331: Password required.
Cmd: PASS xxxxxxxx
230: Logged in.
Cmd: PASV
227: Entering Passive Mode (127,0,0,1,117,48)
Data connection to 127.0.0.1:30000 timed out.
Falling back to PORT instead of PASV mode.
Cmd: PORT 127,0,0,1,181,185
200: PORT command successful.
Cmd: NLST -CF
150: Opening ASCII mode data connection for /bin/ls.
226: Listing completed.
)",
                            "ncftp");
    EXPECT_THAT(attempts(known), ElementsAre(attempt{data_method::pasv, method_result::silent, "127.0.0.1:30000"},
                                             attempt{data_method::port, method_result::ok, "127.0.0.1:46521"}));
}

TEST(session_reader_test, reads_python) {
    const auto known = only(R"(*resp* '220 Sallyport ready.'
*cmd* 'USER anna'
*resp* '331 Password required.'
*cmd* 'PASS ******'
*resp* '230 Logged in.'
*cmd* 'PASV'
*resp* '227 Entering Passive Mode (127,0,0,1,117,48)'
Traceback (most recent call last):
  File "<stdin>", line 2, in <module>
TimeoutError: timed out
)",
                            "python");
    EXPECT_THAT(attempts(known), ElementsAre(attempt{data_method::pasv, method_result::silent, "127.0.0.1:30000"}));
}

TEST(session_reader_test, reads_python_whose_traceback_comes_first) {
    const auto known = only(
        "ConnectionRefusedError: [Errno 111] Connection refused\n*resp* '220 x'\n*cmd* 'PASV'\n"
        "*resp* '227 Entering Passive Mode (127,0,0,1,117,48)'\n",
        "python");
    EXPECT_THAT(attempts(known), ElementsAre(attempt{data_method::pasv, method_result::refused, "127.0.0.1:30000"}));
}

TEST(session_reader_test, reads_programs_with_windows) {
    EXPECT_THAT(
        attempts(
            only("12:00:00\tStatus:\tConnecting to 203.0.113.7:21...\n12:00:00\tResponse:\t220 x\n12:00:01\tCommand:\tPASV\n"
                 "12:00:01\tResponse:\t227 Entering Passive Mode (192,168,1,5,195,80)\n"
                 "12:00:21\tError:\tConnection timed out after 20 seconds of inactivity\n",
                 "FileZilla")),
        ElementsAre(attempt{data_method::pasv, method_result::silent, "192.168.1.5:50000"}));
    EXPECT_THAT(attempts(only("< 2026-11-30 10:00:00.000 220 x\n> 2026-11-30 10:00:00.100 PASV\n"
                              "< 2026-11-30 10:00:00.200 227 Entering Passive Mode (10,0,0,5,195,80)\n"
                              ". 2026-11-30 10:00:15.200 Timeout detected. (data connection)\n",
                              "WinSCP")),
                ElementsAre(attempt{data_method::pasv, method_result::silent, "10.0.0.5:50000"}));
}

TEST(session_reader_test, reads_our_log_by_session) {
    const auto read = read_transcript(
        R"(2026-11-30T00:53:32.481+00:00 I [mx-10] Connection accepted from 198.51.100.4:53570 to 192.0.2.1:2121
2026-11-30T00:53:32.481+00:00 D [mx-10] < 220 Sallyport ready.
2026-11-30T00:53:32.579+00:00 D [mx-10] > PASS ****
2026-11-30T00:53:32.579+00:00 D [mx-10] < 230 Logged in.
2026-11-30T00:53:32.600+00:00 I [mx-11] Connection accepted from 198.51.100.9:53571 to 192.0.2.1:2121
2026-11-30T00:53:32.600+00:00 D [mx-11] > EPRT |1|10.9.9.9|33081|
2026-11-30T00:53:32.600+00:00 D [mx-11] < 504 10.9.9.9 is a private address and cannot be reached from here; use passive mode.
2026-11-30T00:53:32.609+00:00 D [mx-10] > EPSV
2026-11-30T00:53:32.609+00:00 D [mx-10] < 229 Entering Extended Passive Mode (|||30000|)
2026-11-30T00:53:33.630+00:00 I [mx-10] Session ended by the client with QUIT; 10.0.2.1: writer, 1 listing, 5 s
)");
    EXPECT_TRUE(read.of_server);
    const auto found = facts_of(read);
    ASSERT_THAT(found, SizeIs(2));
    EXPECT_EQ(found[0].seen_from, diagnosis::vantage::server);
    EXPECT_EQ(found[0].client.address.text(), "198.51.100.4");
    EXPECT_THAT(attempts(found[0]), ElementsAre(attempt{data_method::epsv, method_result::silent, "192.0.2.1:30000"}));
    EXPECT_THAT(attempts(found[1]), ElementsAre(attempt{data_method::eprt, method_result::verb_refused, "10.9.9.9:33081"}));
}

TEST(session_reader_test, reads_logs_of_other_servers) {
    const auto vsftpd = only(R"(Mon Nov 30 00:00:00 2026 [pid 2] CONNECT: Client "198.51.100.4"
Mon Nov 30 00:00:00 2026 [pid 2] FTP command: Client "198.51.100.4", "USER anna"
Mon Nov 30 00:00:00 2026 [pid 2] FTP command: Client "198.51.100.4", "PASS geheim"
Mon Nov 30 00:00:00 2026 [pid 1] [anna] OK LOGIN: Client "198.51.100.4"
Mon Nov 30 00:00:00 2026 [pid 3] [anna] FTP command: Client "198.51.100.4", "PORT 192,168,1,2,200,1"
Mon Nov 30 00:00:00 2026 [pid 3] [anna] FTP response: Client "198.51.100.4", "500 Illegal PORT command."
Mon Nov 30 00:00:00 2026 [pid 3] [anna] FTP command: Client "198.51.100.4", "PASV"
Mon Nov 30 00:00:00 2026 [pid 3] [anna] FTP response: Client "198.51.100.4", "227 Entering Passive Mode (192,0,2,1,117,48)."
Mon Nov 30 00:00:00 2026 [pid 3] [anna] FTP command: Client "198.51.100.4", "LIST"
Mon Nov 30 00:01:00 2026 [pid 3] [anna] FTP response: Client "198.51.100.4", "425 Security: Bad IP connecting."
)",
                             "vsftpd");
    EXPECT_THAT(attempts(vsftpd), ElementsAre(attempt{data_method::port, method_result::verb_refused, "192.168.1.2:51201"},
                                              attempt{data_method::pasv, method_result::wrong_peer, "192.0.2.1:30000"}));
    const auto proftpd = only(R"log(198.51.100.4 UNKNOWN anna [30/Nov/2026:00:00:00 +0000] "PASS (hidden)" 230 -
198.51.100.4 UNKNOWN anna [30/Nov/2026:00:00:00 +0000] "PASV" 227 -
198.51.100.4 UNKNOWN anna [30/Nov/2026:00:00:30 +0000] "LIST" 425 -
)log",
                              "proftpd");
    EXPECT_EQ(proftpd.methods[0].result, method_result::silent);
    EXPECT_THAT(facts_of(read_transcript(R"log(127.0.0.1 UNKNOWN - [30/Nov/2026:01:40:21 +0000] "USER tester" 331 -
127.0.0.1 UNKNOWN tester [30/Nov/2026:01:40:23 +0000] "PASV" 227 -
127.0.0.1 UNKNOWN - [30/Nov/2026:01:40:25 +0000] "USER tester" 331 -
127.0.0.1 UNKNOWN tester [30/Nov/2026:01:40:25 +0000] "PASV" 227 -
127.0.0.1 UNKNOWN tester [30/Nov/2026:01:40:29 +0000] "LIST" - 0
)log")),
                SizeIs(2));
    const auto filezilla = only(
        "<30/11/2026 10:00:00> FTP Session 1 198.51.100.4 anna [Command] PASV\n"
        "<30/11/2026 10:00:00> FTP Session 1 198.51.100.4 anna [Response] 227 Entering Passive Mode (10,0,0,5,195,80)\n"
        "<30/11/2026 10:00:20> FTP Session 1 198.51.100.4 anna [Command] EPSV\n",
        "FileZilla Server");
    EXPECT_THAT(attempts(filezilla), ElementsAre(attempt{data_method::pasv, method_result::silent, "10.0.0.5:50000"}));
}

TEST(session_reader_test, leaves_out_what_is_no_matter_of_the_data_connection) {
    EXPECT_THAT(only("< 220 x\n> PASV\n< 227 =127,0,0,1,117,48\n> RETR no\n< 550 No such file.\n", "curl").methods,
                IsEmpty());
    const auto refused = only("< 220 x\n> USER a\n< 331 p\n> PASS b\n< 530 Login incorrect.\n", "curl");
    ASSERT_NE(refused.failed_phase(), nullptr);
    EXPECT_EQ(refused.failed_phase()->name, "login");
    EXPECT_EQ(refused.failed_phase()->reply_code, 530);
}

// S7
TEST(session_reader_test, a_reply_that_quotes_the_password_is_kept_without_it) {
    const auto refused =
        only("< 220 x\n> USER a\n< 331 p\n> PASS geheim\n< 530-Password geheim\n< 530 No user a with geheim.\n", "curl");
    ASSERT_NE(refused.failed_phase(), nullptr);
    EXPECT_EQ(refused.failed_phase()->detail, "530 No user a with ***.");
    const auto account =
        only("< 220 x\n> USER a\n< 331 p\n> PASS b\n< 332 Account\n> ACCT geheim\n< 230 Hello\n> PASV\n< 550 geheim, no.\n",
             "curl");
    ASSERT_THAT(account.methods, SizeIs(1));
    EXPECT_EQ(account.methods[0].reply, "550 ***, no.");
}

TEST(session_reader_test, of_a_reply_to_a_masked_password_only_the_code_is_kept) {
    for (const auto* const mark : {"****", "xxxxxx", "(hidden)", "<password>"}) {
        const auto known = only(std::string("< 220 x\n> USER a\n< 331 p\n> PASS ") + mark + "\n< 530 Not geheim\n", "curl");
        ASSERT_NE(known.failed_phase(), nullptr) << mark;
        EXPECT_EQ(known.failed_phase()->detail, "530 ") << mark;
    }
    EXPECT_EQ(only("< 220 x\n> PASS ****\n< 530 Too many users, geheim\n", "curl").failed_phase()->detail, "530 too many");
}

TEST(session_reader_test, a_password_of_digits_leaves_codes_and_ports_alone) {
    const auto known = only(
        "< 220 x\n> PASS 227\n< 230 x\n> PASV\n< 227 Entering Passive Mode (10,0,0,227,117,48)\n> LIST\n"
        "< 425 227 refused\n",
        "curl");
    ASSERT_THAT(known.methods, SizeIs(1));
    EXPECT_EQ(known.methods[0].target->text(), "10.0.0.227:30000");
    EXPECT_EQ(known.methods[0].reply, "425 *** refused");
}

// D3: the last line of our own client counts.
TEST(session_reader_test, reads_our_own_client) {
    const auto silent = only(
        "* connecting to 127.0.0.1:2121\n< 220 ready\n> USER anna\n< 331 password\n> PASS ****\n< 230 in\n> EPSV\n"
        "< 229 Extended (|||30000|)\n* EPSV: connecting to 127.0.0.1:30000\n"
        "* cannot connect to 127.0.0.1:30000: timed out; the host is down, or a firewall drops the connection\n"
        "> PASV\n< 227 Passive (127,0,0,1,117,49)\n* PASV: connecting to 127.0.0.1:30001\n"
        "* cannot connect to 127.0.0.1:30001: Connection refused\n"
        "sallyport get: getting /file from 127.0.0.1:2121: login succeeded, but no data connection could be established.\n"
        "sallyport get: to find the cause, run: sallyport doctor ftp://127.0.0.1/file\n",
        "curl");
    EXPECT_THAT(attempts(silent), ElementsAre(attempt{data_method::epsv, method_result::silent, "127.0.0.1:30000"},
                                              attempt{data_method::pasv, method_result::refused, "127.0.0.1:30001"}));
    EXPECT_EQ(silent.failed_phase(), nullptr);
    const auto absent = only(
        "* connecting to 127.0.0.1:2121\n< 220 ready\n> PASS ****\n< 230 in\n> EPSV\n< 229 Extended (|||30000|)\n"
        "* EPSV: connecting to 127.0.0.1:30000\n> RETR no\n< 550 no such file\n"
        "sallyport get: getting /no from 127.0.0.1:2121: 550 no such file.\n",
        "curl");
    ASSERT_NE(absent.failed_phase(), nullptr);
    EXPECT_EQ(absent.failed_phase()->name, "transfer");
    EXPECT_THAT(absent.failed_phase()->detail, HasSubstr("550 no such file"));
    const auto warned = only("< 220 x\n> PASS ****\n< 230 in\nsallyport get: warning: the size is unknown\n", "curl");
    EXPECT_EQ(warned.failed_phase(), nullptr);
    const auto refused = only(
        "* connecting to 127.0.0.1:1\n* cannot connect to 127.0.0.1:1: Connection refused\n"
        "sallyport ls: cannot connect to 127.0.0.1:1: Connection refused.\n",
        "curl");
    ASSERT_NE(refused.failed_phase(), nullptr);
    EXPECT_EQ(refused.failed_phase()->name, "connect");
    EXPECT_EQ(refused.failed_phase()->error, "refused");
    const auto mute = only(
        "* connecting to 127.0.0.1:1\n* no reply: timed out\n"
        "sallyport ls: listing / at 127.0.0.1:1: waiting for the greeting: timed out. Use ftps://.\n",
        "curl");
    ASSERT_NE(mute.failed_phase(), nullptr);
    EXPECT_EQ(mute.failed_phase()->name, "greeting");
}

TEST(session_reader_test, a_certificate_that_the_client_does_not_trust) {
    const auto known = only(
        "< 220 x\n> AUTH TLS\n< 234 x\n* SSL certificate problem: self-signed certificate\n* Closing connection 0\n"
        "curl: (60) SSL certificate problem: self-signed certificate\n",
        "curl");
    ASSERT_NE(known.failed_phase(), nullptr);
    EXPECT_EQ(known.failed_phase()->name, "tls");
    EXPECT_EQ(known.failed_phase()->error, "tls_untrusted");
    EXPECT_THAT(known.failed_phase()->detail, HasSubstr("self-signed"));
}

// What the programs print of certificates that they trust, or need not trust.
TEST(session_reader_test, certificates_of_sessions_that_work) {
    constexpr auto listing =
        "> EPSV\n< 229 Entering Extended Passive Mode (|||30000|)\n* Trying 127.0.0.1:30000...\n"
        "> LIST\n< 150 Opening.\n";
    constexpr auto openssl =
        "* successfully set certificate verify locations:\n*  CAfile: /etc/ssl/certs/ca-certificates.crt\n"
        "* Server certificate:\n*  subject: CN=a\n*  subjectAltName: host \"a\" matched cert's \"a\"\n"
        "*  SSL certificate verify ok.\n";
    constexpr auto insecure =
        "* Server certificate:\n*  SSL certificate verify result: self-signed certificate (18), continuing anyway.\n";
    constexpr auto gnutls =
        "* found 140 certificates in /etc/ssl/certs\n* \t server certificate verification OK\n"
        "* \t common name: a (matched)\n* \t server certificate expiration date OK\n";
    for (const std::string tls : {openssl, insecure, gnutls}) {
        const auto known =
            only("< 220 x\n> AUTH TLS\n< 234 x\n" + tls + "> USER a\n< 230 x\n" + listing + tls + "< 226 Done.\n", "curl");
        EXPECT_EQ(known.failed_phase(), nullptr) << tls;
        EXPECT_THAT(attempts(known), ElementsAre(attempt{data_method::epsv, method_result::ok, "127.0.0.1:30000"})) << tls;
    }
    constexpr std::string_view winscp = R"(< 2026-11-30 10:00:00.000 220 x
> 2026-11-30 10:00:00.100 AUTH TLS
< 2026-11-30 10:00:00.100 234 x
. 2026-11-30 10:00:00.200 Verifying certificate for "a" with fingerprint 12:34 and 18 failures
. 2026-11-30 10:00:00.200 Certificate verified against Windows certificate store
. 2026-11-30 10:00:00.200 Certificate for "a" matches cached fingerprint and failures
> 2026-11-30 10:00:00.300 PASV
< 2026-11-30 10:00:00.300 227 Entering Passive Mode (10,0,0,5,195,80)
> 2026-11-30 10:00:00.300 LIST
. 2026-11-30 10:00:00.400 Verifying certificate for "a" with fingerprint 12:34 and 18 failures
< 2026-11-30 10:00:00.500 226 Done.
)";
    constexpr std::string_view lftp = R"(<--- 220 x
---> AUTH TLS
<--- 234 x
Certificate: CN=a
 Issued by: CN=a
WARNING: Certificate verification: Not trusted (12:34)
---> PASV
<--- 227 Entering Passive Mode (10,0,0,5,195,80)
---> LIST
Certificate: CN=a
<--- 226 Done.
)";
    constexpr std::string_view filezilla =
        "12:00:00\tResponse:\t220 x\n12:00:00\tStatus:\tVerifying certificate...\n12:00:01\tCommand:\tPASV\n"
        "12:00:01\tResponse:\t227 Entering Passive Mode (10,0,0,5,195,80)\n12:00:01\tResponse:\t226 Done.\n";
    for (const auto& [program, text] :
         {std::pair{"WinSCP", winscp}, std::pair{"lftp", lftp}, std::pair{"FileZilla", filezilla}}) {
        const auto known = only(text, program);
        EXPECT_EQ(known.failed_phase(), nullptr) << text;
        EXPECT_THAT(attempts(known), ElementsAre(attempt{data_method::pasv, method_result::ok, "10.0.0.5:50000"})) << text;
    }
}

TEST(session_reader_test, certificates_that_other_programs_do_not_trust) {
    const auto fails = [](std::string_view text) {
        const auto found = facts_of(read_transcript(text));
        return found.size() == 1 && found[0].failed_phase() != nullptr && found[0].failed_phase()->error == "tls_untrusted";
    };
    const std::string curl = "< 220 x\n> AUTH TLS\n< 234 x\n";
    EXPECT_TRUE(fails(curl + "* SSL: no alternative certificate subject name matches target host name 'b'\n"));
    EXPECT_TRUE(fails(curl + "* SSL: certificate subject name 'a' does not match target host name 'b'\n"));
    EXPECT_TRUE(fails(curl + "* server certificate verification failed. CAfile: x CRLfile: none\n"));
    EXPECT_TRUE(
        fails("<--- 220 x\n---> AUTH TLS\n<--- 234 x\n**** Fatal error: Certificate verification: Not trusted (12)\n"));
    EXPECT_TRUE(
        fails("*resp* '220 x'\n*cmd* 'AUTH TLS'\n*resp* '234 x'\nssl.SSLCertVerificationError: [SSL: "
              "CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:992)\n"));
}

TEST(session_reader_test, an_address_that_failed_before_another_one_worked) {
    const auto known = only(
        "*   Trying [::1]:21...\n* connect to ::1 port 21 failed: Connection refused\n*   Trying 127.0.0.1:21...\n< 220 x\n",
        "curl");
    EXPECT_EQ(known.failed_phase(), nullptr);
    EXPECT_EQ(known.server.text(), "127.0.0.1:21");
}

TEST(session_reader_test, reads_any_text) {
    EXPECT_THAT(facts_of(read_transcript("")), IsEmpty());
    EXPECT_THAT(facts_of(read_transcript("no session\nhere (at) all: \"x\", [y] > z\n")), IsEmpty());
    const std::string text(curl_silent);
    for (std::size_t end = 0; end < text.size(); ++end) (void)facts_of(read_transcript(text.substr(0, end)));
}

}  // namespace
}  // namespace sallyport::doctor
