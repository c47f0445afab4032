#include <sallyport/diagnosis/path.hpp>

#include <sallyport/diagnosis/test_facts.hpp>

namespace sallyport::diagnosis {
namespace {

facts with_data(path_trace data) {
    auto out = opened_session();
    out.traces = {control_trace(), std::move(data)};
    return out;
}

// D2: the hop follows the drop along the path, and the side with it.
TEST(path, silence_moves_along_the_path) {
    struct row {
        unsigned last;
        side where;
        bool maybe_way_back;
    };
    for (const auto& [last, where, maybe_way_back] :
         {row{0, side::client, false}, row{1, side::client, false}, row{2, side::between, false},
          row{3, side::server, false}, row{4, side::undecided, true}}) {
        const auto found = find_break(with_data(trace_to(false, last)));
        ASSERT_TRUE(found) << last;
        EXPECT_EQ(found->hop.first, last);
        EXPECT_EQ(found->hop.last, last + 1);
        EXPECT_EQ(found->side, where) << last;
        EXPECT_EQ(found->maybe_way_back, maybe_way_back) << last;
        EXPECT_NE(found->confidence, confidence::certain) << last;
    }
}

/// The control port opens at the client's router, and another port of the server is refused at the server.
facts with_proxy(path_trace data) {
    auto out = opened_session();
    out.traces = {trace_to(true, 0, hop_answer::opened, 1), std::move(data)};
    out.compared.other_port = trace_to(false, test_distance - 1, hop_answer::refused, test_distance);
    return out;
}

// D2, probe 3
TEST(path, the_distance_beyond_a_proxy_is_that_of_another_port) {
    EXPECT_EQ(hop_of_proxy(with_proxy(trace_to(false, 3))), 1U);
    EXPECT_EQ(distance_to_server(with_proxy(trace_to(false, 3))), test_distance);
    const auto found = find_break(with_proxy(trace_to(false, 2)));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->hop, (hop_span{2, 3, hop_address(2)}));
    EXPECT_EQ(found->side, side::between);
    // No other port answers: the end of the path is unknown, and so is the break.
    auto unknown = with_proxy(trace_to(false, 2));
    for (auto& each : unknown.compared.other_port->answers)
        if (each.what == hop_answer::refused) each.what = hop_answer::none;
    EXPECT_EQ(hop_of_proxy(unknown), 1U);
    EXPECT_FALSE(distance_to_server(unknown));
    EXPECT_FALSE(find_break(unknown));
}

TEST(path, another_port_that_is_answered_where_the_control_port_opens_is_no_proxy) {
    for (const auto what : {hop_answer::refused, hop_answer::opened, hop_answer::none}) {
        auto known = with_data(trace_to(false, 3));
        known.compared.other_port =
            path_trace{.to = {address("198.51.100.7"), 990}, .answers = {{test_distance, what, {}, 0, 0}}};
        EXPECT_FALSE(hop_of_proxy(known));
        EXPECT_EQ(distance_to_server(known), test_distance);
    }
}

TEST(path, a_hop_that_never_answers_is_no_suspect) {
    auto known = with_data(trace_to(false, 1));
    for (auto& answer : known.traces.front().answers)
        if (answer.ttl == 2 || answer.ttl == 3) answer = {answer.ttl, hop_answer::none, std::nullopt, 0, 0};
    const auto found = find_break(known);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->hop.first, 1);
    EXPECT_EQ(found->hop.last, 4);
}

TEST(path, refusals_by_ttl_and_by_the_ttl_of_the_rst) {
    struct row {
        unsigned reached;
        unsigned reply_ttl;
        unsigned hop;
        side where;
        bool at_server;
    };
    for (const auto& [reached, reply_ttl, hop, where, at_server] :
         {row{5, 60, 5, side::server, true}, row{4, 61, 4, side::server, false}, row{5, 61, 4, side::server, false},
          row{3, 63, 2, side::between, false}, row{2, 64, 1, side::client, false}, row{3, 254, 2, side::between, false}}) {
        auto data = trace_to(false, reached - 1, hop_answer::refused, reached);
        data.reply_ttl = reply_ttl;
        const auto found = find_break(with_data(data));
        ASSERT_TRUE(found) << reached;
        EXPECT_EQ(found->hop.first, hop) << reached;
        EXPECT_EQ(found->side, where) << reached;
        EXPECT_EQ(found->at_server, at_server) << reached;
    }
}

TEST(path, a_refusal_without_its_ttl_is_less_sure) {
    const auto found = find_break(with_data(trace_to(false, 2, hop_answer::refused, 3)));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->hop.first, 2);
    EXPECT_EQ(found->hop.last, 3);
    EXPECT_EQ(found->confidence, confidence::possible);
}

TEST(path, the_sender_of_an_icmp_error_is_certain) {
    auto data = trace_to(false, 2, hop_answer::unreachable, 3);
    for (auto& answer : data.answers)
        if (answer.what == hop_answer::unreachable) answer = {answer.ttl, answer.what, hop_address(2), 3, 13};
    const auto found = find_break(with_data(data));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->hop, (hop_span{2, 2, hop_address(2)}));
    EXPECT_EQ(found->confidence, confidence::certain);
    EXPECT_EQ(found->side, side::between);
}

TEST(path, nothing_is_broken_if_the_data_port_opens) {
    EXPECT_FALSE(find_break(with_data(trace_to(false, 4, hop_answer::opened, 5))));
    EXPECT_FALSE(find_break(opened_session()));
}

TEST(path, sides_of_hops) {
    const auto known = with_data(trace_to(false, 4));
    const std::vector expected{side::client, side::client, side::between, side::between, side::server, side::server};
    for (unsigned hop = 0; hop < expected.size(); ++hop) EXPECT_EQ(side_of_hop(known, hop), expected.at(hop)) << hop;
}

}  // namespace
}  // namespace sallyport::diagnosis
