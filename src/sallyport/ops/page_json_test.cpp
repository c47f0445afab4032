#include <sallyport/ops/page_json.hpp>

#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

namespace sallyport::ops {
namespace {

using namespace std::chrono_literals;

[[nodiscard]] status::session_snapshot three_sessions() {
    status::session_snapshot out;
    for (const auto& [id, user, age] : {std::tuple("s-1", "anna", 10s), {"s-2", "Bob", 30s}, {"s-3", "carl", 20s}}) {
        auto& s = out.sessions.emplace_back();
        s.id = id;
        s.user = user;
        s.age = age;
        s.client = *endpoint::parse("192.0.2.7:4000");
    }
    out.sessions[0].idle = 5s;
    out.sessions[1].idle = 2s;
    out.sessions[2].transfer = status::running_transfer{.verb = "RETR", .path = "/in/FILE", .client_method = "EPSV"};
    out.sessions[1].openings = {{.port = 30000, .peer = out.sessions[1].client.address, .expires_in = {}}};
    return out;
}

[[nodiscard]] boost::json::object shown(const page_query& asked) { return page_json({}, three_sessions(), asked, {}); }

[[nodiscard]] std::string ids_of(const page_query& asked) {
    std::string out;
    const auto json = shown(asked);
    for (const auto& s : json.at("sessions").as_array()) out += std::string(s.at("id").get_string()) + " ";
    return out;
}

TEST(PageJson, ReadsTheQuery) {
    const auto q = query_of("/status.json?filter=a%20b%26%3C&order=user&offset=7&rows=20&session=x-1").value();
    EXPECT_EQ(q.filter, "a b&<");
    EXPECT_EQ(q.order, session_order::user);
    EXPECT_EQ(q.offset, 7U);
    EXPECT_EQ(q.rows, 20U);
    EXPECT_EQ(q.chosen, "x-1");
    const auto odd = query_of("/status.json?order=x&offset=-1&rows=100000&unknown&=&&").value();
    EXPECT_EQ(odd.order, session_order::busiest);
    EXPECT_EQ(odd.offset, 0U);
    EXPECT_EQ(odd.rows, page_query::max_rows);
    for (const auto* target : {"http://evil.example/status.json", "status.json", "", "/?filter=%zz"})
        EXPECT_FALSE(query_of(target)) << target;
}

TEST(PageJson, SortsAndFilters) {
    EXPECT_EQ(ids_of({}), "s-3 s-2 s-1 ") << "the transfer, then the least idle one";
    EXPECT_EQ(ids_of({.order = session_order::oldest}), "s-2 s-3 s-1 ");
    EXPECT_EQ(ids_of({.order = session_order::newest}), "s-1 s-3 s-2 ");
    EXPECT_EQ(ids_of({.filter = "BOB"}), "s-2 ");
    EXPECT_EQ(ids_of({.filter = "in/file"}), "s-3 ");
    EXPECT_EQ(ids_of({.filter = "192.0.2.7:4"}), "s-3 s-2 s-1 ");
    EXPECT_EQ(ids_of({.filter = "nobody"}), "");
}

TEST(PageJson, HasAPartOfTheRows) {
    const page_query second{.order = session_order::oldest, .offset = 1, .rows = 1};
    EXPECT_EQ(ids_of(second), "s-3 ");
    EXPECT_EQ(shown(second).at("page").at("matched"), 3);
    EXPECT_EQ(ids_of({.offset = 99}), "");
}

TEST(PageJson, HasTheChosenSessionAndTheOpeningsOfAll) {
    const auto page = shown({.filter = "anna", .chosen = "s-3"}).at("page");
    EXPECT_EQ(page.at("chosen").at("id"), "s-3") << "whatever the filter is";
    EXPECT_EQ(page.at("openings_total"), 1);
    EXPECT_EQ(page.at("openings").at(0).at("port"), 30000);
    EXPECT_EQ(page.at("openings").at(0).at("session"), "s-2");
    EXPECT_TRUE(shown({.chosen = "gone"}).at("page").at("chosen").is_null());
}

TEST(PageJson, ExplainsTheCauses) {
    status::daemon_snapshot now;
    for (unsigned i = 0; i < 100; ++i)
        now.failed_data.push_back({"data-ports-dropped", fmt::format("10.0.{}.0/24", i), 1, 1s});
    const auto out = page_json(std::move(now), {}, {}, {});
    EXPECT_FALSE(out.at("page").at("causes").at("data-ports-dropped").at("remedy").get_string().empty());
    EXPECT_LT(out.at("failed_data_connections").as_array().size(), 100U);
}

TEST(PageJson, StaysSmallWithManySessions) {
    status::session_snapshot all;
    all.sessions.resize(5000, three_sessions().sessions[1]);
    const auto out = page_json({}, all, {.rows = page_query::max_rows}, {});
    EXPECT_EQ(out.at("sessions").as_array().size(), page_query::max_rows);
    EXPECT_EQ(out.at("page").at("matched"), 5000);
    EXPECT_EQ(out.at("page").at("openings_total"), 5000);
    EXPECT_LT(boost::json::serialize(out).size(), 256U * 1024);
}

}  // namespace
}  // namespace sallyport::ops
