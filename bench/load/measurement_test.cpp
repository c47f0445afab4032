#include <load/measurement.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::load {
namespace {

TEST(Percentile, IsTheValueAtItsRank) {
    std::vector<std::uint32_t> values;
    for (std::uint32_t i = 101; i > 0; --i) values.push_back(i);
    EXPECT_EQ(percentile(values, 0.5), 51U);
    EXPECT_EQ(percentile(values, 0.99), 100U);
    EXPECT_EQ(percentile(values, 1.0), 101U);
}

TEST(Percentile, OfNothingIsZero) {
    std::vector<std::uint32_t> none;
    EXPECT_EQ(percentile(none, 0.99), 0U);
}

TEST(Measurement, CountsOperationsBytesAndKeepsTheFirstError) {
    measurement out;
    out.start();
    out.finished(clock::now(), 1000);
    out.finished(clock::now(), 24);
    out.failed({errc::closed, 0, "the first"});
    out.failed({errc::closed, 0, "the second"});
    EXPECT_EQ(out.operations(), 2U);
    EXPECT_EQ(out.errors(), 2U);
    EXPECT_THAT(out.first_error(), testing::HasSubstr("the first"));
    EXPECT_THAT(out.json(), testing::AllOf(testing::HasSubstr(R"("operations":2,)"), testing::HasSubstr(R"("bytes":1024,)"),
                                           testing::HasSubstr(R"("errors":2,)")));
}

TEST(Measurement, ComparesTheLastOperationsWithTheFirst) {
    using namespace std::chrono_literals;
    measurement out;
    out.start();
    EXPECT_EQ(out.last_to_first(), 0);
    for (int i = 0; i < 10; ++i) out.finished(clock::now() - 1s, 0);
    for (int i = 0; i < 10; ++i) out.finished(clock::now() - 3s, 0);
    EXPECT_NEAR(out.last_to_first(), 3.0, 0.1);
}

TEST(Reception, KnowsTheLongestWaitAlsoIfItLastsUntilTheEnd) {
    using namespace std::chrono_literals;
    const auto begun = clock::now();
    reception received;
    received.add(5, begun);
    received.start(begun);
    received.add(1000, begun + 30ms);
    received.add(24, begun + 40ms);
    EXPECT_EQ(received.longest_wait(), 30ms);
    received.end(begun + 90ms);
    EXPECT_EQ(received.longest_wait(), 50ms);
    EXPECT_EQ(received.bytes(), 1024U);
}

}  // namespace
}  // namespace sallyport::load
