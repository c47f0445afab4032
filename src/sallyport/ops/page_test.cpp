#include <sallyport/ops/page.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json/parse.hpp>

#include <sallyport/ops/test_loop.hpp>
#include <sallyport/ops/test_service.hpp>

namespace sallyport::ops {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

net::task<> answer_page(std::shared_ptr<page> of, http_request asked, http_answer* into) {
    *into = co_await page::answer(std::move(of), std::move(asked));
}

class Page : public loop_test {
protected:
    [[nodiscard]] http_answer ask(std::string target, std::string host = "localhost") {
        http_answer out;
        http_request asked{.method = http_method::get, .target = std::move(target), .hosts = 1, .host = std::move(host)};
        loops.run_until_done(answer_page(shown, std::move(asked), &out));
        return out;
    }

    net::worker_pool pool{1};
    status::counters counters;
    test_service service{loops, {}, counters};
    std::shared_ptr<status_source> source =
        std::make_shared<status_source>(status_source{.name = "sallyport test", .service = service, .counters = counters});
    std::shared_ptr<page> shown = std::make_shared<page>(loops.at(0), pool, source, password_check());
};

// WB-02
TEST_F(Page, WB02_HasItsFilesAndNothingFromElsewhere) {
    EXPECT_EQ(ask("/").type, "text/html; charset=utf-8");
    EXPECT_EQ(ask("/?x").status, "200 OK");
    EXPECT_EQ(ask("/page.css").type, "text/css; charset=utf-8");
    EXPECT_EQ(ask("/page.js").type, "text/javascript; charset=utf-8");
    for (const auto* file : {"/", "/page.css", "/page.js"}) {
        const auto text = ask(file).body;
        EXPECT_GT(text.size(), 1000U);
        EXPECT_THAT(text, Not(HasSubstr("https:"))) << file;
        EXPECT_THAT(text, Not(HasSubstr("innerHTML"))) << file;
        EXPECT_THAT(text, Not(HasSubstr("style=\""))) << file;
    }
    EXPECT_THAT(ask("/page.cs").status, StartsWith("404"));
}

// WB-02
TEST_F(Page, WB02_ProtectsEachAnswer) {
    for (const auto* target : {"/", "/page.js", "/status.json", "/none"}) {
        const auto headers = ask(target).headers;
        EXPECT_THAT(headers, HasSubstr("Content-Security-Policy: default-src 'self'; ")) << target;
        EXPECT_THAT(headers, HasSubstr("frame-ancestors 'none'")) << target;
        EXPECT_THAT(headers, HasSubstr("Referrer-Policy: no-referrer\r\n")) << target;
    }
    EXPECT_THAT(ask("/", "evil.example").headers, HasSubstr("frame-ancestors 'none'"));
    EXPECT_THAT(ask("/", "evil.example").status, StartsWith("421"));
}

TEST_F(Page, G12_ShowsTheStatus) {
    const auto json = boost::json::parse(ask("/status.json?rows=5").body);
    EXPECT_EQ(json.at("name"), "sallyport test");
    EXPECT_EQ(json.at("sessions").as_array().size(), 0U);
    EXPECT_EQ(json.at("page").at("rates").at("interval_seconds"), 10);
    EXPECT_THAT(ask("/status.json?filter=%").status, StartsWith("400"));
}

}  // namespace
}  // namespace sallyport::ops
