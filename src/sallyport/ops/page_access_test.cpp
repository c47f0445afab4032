#include <sallyport/ops/page_access.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sallyport/ops/test_loop.hpp>
#include <sallyport/ops/test_service.hpp>

namespace sallyport::ops {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

[[nodiscard]] http_request request_with_host(std::string host, bool over_tcp = true) {
    http_request out{.method = http_method::get, .target = "/", .hosts = 1, .host = std::move(host)};
    if (over_tcp) out.ends = http_ends{*ip_address::parse("192.0.2.1"), *ip_address::parse("192.0.2.9")};
    return out;
}

[[nodiscard]] std::string_view status_of(const std::optional<http_answer>& refused) {
    return refused ? refused->status : "200";
}

// WB-03
TEST(PageAccess, WB03_AcceptsItsOwnAddressAndLoopback) {
    for (const auto* host :
         {"192.0.2.1", "192.0.2.1:9121", "localhost", "LOCALHOST:1", "127.0.0.1:9121", "[::1]", "[::1]:80"})
        EXPECT_EQ(status_of(refuse_origin(request_with_host(host))), "200") << host;
    EXPECT_EQ(status_of(refuse_origin(request_with_host("localhost", false))), "200") << "at a Unix socket";
}

// WB-03: a name that its owner makes point here.
TEST(PageAccess, WB03_RefusesOtherNames) {
    for (const auto* host :
         {"evil.example", "127.0.0.1.evil", "localhost.evil.example", "0.0.0.0", "[::]", "[::1]evil", "[::1", "[", "", "::1",
          "192.0.2.2", "127.0.0.1:80@evil", "localhost:x", "[localhost]", "user@127.0.0.1", "127.0.0.1@evil.example"})
        EXPECT_THAT(status_of(refuse_origin(request_with_host(host))), StartsWith("421")) << host;
    EXPECT_THAT(status_of(refuse_origin(request_with_host("192.0.2.1", false))), StartsWith("421"));
    for (const std::size_t hosts : {0U, 2U}) {
        auto asked = request_with_host("localhost");
        asked.hosts = hosts;
        EXPECT_THAT(status_of(refuse_origin(asked)), StartsWith("400"));
    }
}

// WB-02
TEST(PageAccess, WB02_RefusesWhatAnotherSiteLoads) {
    auto asked = request_with_host("localhost");
    asked.fetch_site = "cross-site";
    asked.fetch_mode = "no-cors";
    EXPECT_THAT(status_of(refuse_origin(asked)), StartsWith("403"));
    asked.fetch_site = "same-site";
    EXPECT_THAT(status_of(refuse_origin(asked)), StartsWith("403")) << "another program at another port of this host";
    asked.fetch_mode = "navigate";
    EXPECT_EQ(status_of(refuse_origin(asked)), "200") << "a link";
    asked.fetch_site = "same-origin";
    asked.fetch_mode = "cors";
    EXPECT_EQ(status_of(refuse_origin(asked)), "200");
}

TEST(PageAccess, FindsThePassword) {
    EXPECT_EQ(password_of("Basic YWRtaW46YTpi"), "a:b") << "admin:a:b";
    EXPECT_EQ(password_of("basic Og=="), "") << "a colon alone";
    for (const auto* text : {"", "Basic", "Basic ", "Basic YQ==", "Basic !!!!", "Bearer YWRtaW46YTpi"})
        EXPECT_FALSE(password_of(text)) << text;
    EXPECT_FALSE(password_of("Basic " + std::string(4000, 'A')));
}

[[nodiscard]] frontend::service_settings without_limits() { return {}; }

net::task<> refuse_into(std::shared_ptr<page_access> access, http_request asked, std::optional<http_answer>* into) {
    *into = co_await page_access::refuse(std::move(access), std::move(asked));
}

class PagePassword : public loop_test {
protected:
    [[nodiscard]] std::string_view try_password(const std::string& authorization) {
        auto asked = request_with_host("localhost");
        asked.authorization = authorization;
        std::optional<http_answer> refused;
        loops.run_until_done(refuse_into(access, std::move(asked), &refused));
        return status_of(refused);
    }
    [[nodiscard]] result<bool> is_secret(std::string_view password) {
        ++checks;
        if (password == "unknown") return fail(errc::exhausted, "no memory");
        return password == "secret";
    }

    static constexpr auto right = "Basic eDpzZWNyZXQ=";
    static constexpr auto wrong = "Basic eDp3cm9uZw==";
    net::worker_pool pool{1};
    status::counters counters;
    test_service service{loops, without_limits(), counters};
    unsigned checks = 0;
    std::shared_ptr<page_access> access = std::make_shared<page_access>(
        loops.at(0), pool, service.sessions(), [this](std::string_view password) { return is_secret(password); });
};

TEST_F(PagePassword, WB04_NeedsThePassword) {
    EXPECT_THAT(try_password(""), StartsWith("401"));
    EXPECT_EQ(checks, 0U);
    EXPECT_EQ(try_password(right), "200");
    EXPECT_EQ(try_password(right), "200");
    EXPECT_EQ(checks, 1U) << "the hash is checked once";
    EXPECT_THAT(try_password(wrong), StartsWith("401"));
    EXPECT_THAT(try_password("Basic eDp1bmtub3du"), StartsWith("503")) << "not a wrong password";
}

// AU-02, WB-04
TEST_F(PagePassword, WB04_PenalizesAddressesForWrongPasswords) {
    for (int i = 0; i < 4; ++i) EXPECT_THAT(try_password(wrong), StartsWith("401"));
    const auto checked = checks;
    EXPECT_THAT(try_password(wrong), StartsWith("429"));
    EXPECT_THAT(try_password(right), StartsWith("429")) << "otherwise it could be guessed without a limit";
    EXPECT_EQ(checks, checked);
    EXPECT_EQ(service.sessions().list_login_penalties().size(), 1U);
    EXPECT_TRUE(service.sessions().forgive(*ip_address::parse("192.0.2.9")));
    EXPECT_EQ(try_password(right), "200");
}

}  // namespace
}  // namespace sallyport::ops
