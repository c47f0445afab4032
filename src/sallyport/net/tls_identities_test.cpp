// Tests the selection of certificates by server name and their replacement with complete handshakes.
#include <chrono>
#include <cmath>
#include <fstream>

#include <gmock/gmock.h>
#include <sallyport/net/certificate_end.hpp>
#include <sallyport/net/net_test.hpp>
#include <sallyport/net/tls_hello.hpp>

namespace sallyport::net {
namespace {

class tls_identities_test : public net_test {
protected:
    ~tls_identities_test() override { std::filesystem::remove_all(directory); }

    tls_files write(const std::string& name, const std::vector<std::string>& names, int days = 1) {
        const auto made = make_self_signed(names, days);
        tls_files files{directory / (name + ".cert"), directory / (name + ".key")};
        std::ofstream(files.certificate) << made->certificate;
        std::ofstream(files.key) << made->key;
        return files;
    }
    /// The fingerprint of the certificate that a client gets for `name`.
    std::string presented(const tls_server_context& server, const std::string& name, tls_session resume = {}) {
        return run(handshake(test_loop(), server, client, {.server_name = name, .resume = std::move(resume)}))
            .peer_fingerprint;
    }
    static task<bool> accept(stream& s, const tls_server_context& context) {
        const tls_accept_options options{"id"};
        const auto done = co_await s.accept_tls(context, options, soon());
        co_return done.has_value();
    }
    static task<tls_facts> handshake(loop& l, tls_server_context server, tls_client_context client,
                                     tls_connect_options options) {
        auto pair = co_await make_stream_pair(l);
        concurrent_task accepting(l, accept(pair.server, server));
        const auto connected = co_await pair.client.connect_tls(client, options, soon());
        const bool accepted = co_await accepting.get();
        co_return connected&& accepted ? pair.client.tls() : tls_facts{};
    }

    const std::filesystem::path directory = [] {
        std::string name = "/tmp/sallyport-test-XXXXXX";
        return std::filesystem::path(::mkdtemp(name.data()));
    }();
    tls_client_context client = *tls_client_context::make({.verify = false});
};

TEST_F(tls_identities_test, G12_the_end_is_that_of_the_certificate_which_expires_first) {
    const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    const auto days = [now](const tls_server_context& of) {
        return std::lround(static_cast<double>(*first_certificate_end(of) - now) / 86400);
    };
    const auto lasting = write("lasting", {"ftp.example.org"}, 90);
    EXPECT_EQ(days(*tls_server_context::from_files({lasting})), 90);
    const auto both = *tls_server_context::from_files({lasting, write("short", {"files.example.net"}, 7)});
    EXPECT_EQ(days(both), 7);
    (void)write("short", {"renewed.example.net"}, 30);
    ASSERT_TRUE(*both.reload());
    EXPECT_EQ(days(both), 30);
}

TEST_F(tls_identities_test, G5_the_certificate_is_the_one_for_the_name) {
    const auto first = write("first", {"ftp.example.org"});
    const auto second = write("second", {"files.example.net", "*.example.com"});
    const auto one = *tls_server_context::from_files({first});
    const auto other = *tls_server_context::from_files({second});
    const auto both = *tls_server_context::from_files({first, second});
    EXPECT_EQ(presented(both, "ftp.example.org"), one.fingerprint());
    EXPECT_EQ(presented(both, "files.example.net"), other.fingerprint());
    EXPECT_EQ(presented(both, "deep.example.com"), other.fingerprint());
    EXPECT_EQ(presented(both, "unknown.example"), one.fingerprint());
    EXPECT_EQ(presented(both, "127.0.0.1"), one.fingerprint()) << "no name is asked for";
}

TEST_F(tls_identities_test, G10_without_a_name_the_certificate_is_the_one_for_the_address) {
    const auto first = write("first", {"ftp.example.org"});
    const auto second = write("second", {"*.example.com", "127.0.0.1"});
    const auto both = *tls_server_context::from_files({first, second});
    EXPECT_EQ(presented(both, "127.0.0.1"), tls_server_context::from_files({second})->fingerprint());
    EXPECT_EQ(presented(both, "unknown.example"), both.fingerprint()) << "the first one, as a name is requested";

    for (const auto* const name : {"ftp.example.org", "FTP.example.org", "a.example.com", "127.0.0.1"})
        EXPECT_TRUE(both.has_certificate_for(name)) << name;
    for (const auto* const name : {"example.org", "a.b.example.com", "127.0.0.2", "::1"})
        EXPECT_FALSE(both.has_certificate_for(name)) << name;
}

TEST_F(tls_identities_test, G5_changed_files_are_presented_from_then_on) {
    const auto files = write("it", {"localhost"});
    const auto context = *tls_server_context::from_files({files});
    const auto before = context.fingerprint();
    EXPECT_FALSE(*context.reload()) << "nothing has changed";
    write("it", {"localhost", "a.longer.name.example"});
    EXPECT_EQ(presented(context, "localhost"), before);
    ASSERT_TRUE(*context.reload());
    EXPECT_NE(context.fingerprint(), before);
    EXPECT_EQ(presented(context, "localhost"), context.fingerprint());
}

TEST_F(tls_identities_test, G5_files_that_cannot_be_used_change_nothing) {
    const auto files = write("it", {"localhost"});
    const auto context = *tls_server_context::from_files({files});
    const auto before = context.fingerprint();
    std::ofstream(files.certificate) << "half of a";
    const auto refused = context.reload();
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().text(), testing::HasSubstr(files.certificate));
    EXPECT_EQ(presented(context, "localhost"), before);
    EXPECT_FALSE(*context.reload()) << "reported once";
    write("it", {"localhost"});
    EXPECT_TRUE(*context.reload());
}

}  // namespace
}  // namespace sallyport::net
