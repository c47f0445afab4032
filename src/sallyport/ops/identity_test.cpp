#include <sallyport/ops/identity.hpp>

#include <map>

namespace sallyport::ops {
namespace {

const identity owner_1000{"ann", 1000, 1000, {1000, 27}};
const identity service_account{"sallyport", 990, 990, {990}};
const identity shared_account{"nobody", 65534, 65534, {65534}};
const identity root_account{"root", 0, 0, {0}};

account_lookup lookup_in(const std::vector<identity>& known) {
    account_lookup out;
    out.by_name = [known](const std::string& name) -> std::optional<identity> {
        for (const auto& one : known)
            if (one.name == name) return one;
        return std::nullopt;
    };
    out.by_owner = [known](const directory_owner& owner) -> identity {
        for (const auto& one : known)
            if (one.user == owner.user) return one;
        return {"uid " + std::to_string(owner.user), owner.user, owner.group, {}};
    };
    return out;
}

const auto all = lookup_in({owner_1000, service_account, shared_account, root_account});
const auto without_service = lookup_in({shared_account, root_account});

identity_facts root_with(std::optional<directory_owner> owner) { return {.is_root = true, .owner = owner}; }

TEST(ChooseIdentity, keeps_the_identity_of_a_user_that_is_not_root) {
    const auto chosen = choose_identity({}, {.is_root = false, .owner = directory_owner{1000, 1000}}, all);
    ASSERT_TRUE(chosen);
    EXPECT_FALSE(chosen->become);
    EXPECT_EQ(chosen->warning, "");
}

TEST(ChooseIdentity, becomes_the_owner_of_the_shared_directory) {
    const auto chosen = choose_identity({}, root_with(directory_owner{1000, 1000}), all);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->become, owner_1000);
    EXPECT_EQ(chosen->warning, "");
}

TEST(ChooseIdentity, becomes_an_owner_without_a_name) {
    const auto chosen = choose_identity({}, root_with(directory_owner{4711, 12}), all);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->become, (identity{"uid 4711", 4711, 12, {}}));
}

TEST(ChooseIdentity, becomes_the_services_account_if_root_owns_the_directory_or_there_is_none) {
    for (const auto& facts : {root_with(directory_owner{0, 0}), root_with(std::nullopt)}) {
        const auto chosen = choose_identity({}, facts, all);
        ASSERT_TRUE(chosen);
        EXPECT_EQ(chosen->become, service_account);
        EXPECT_EQ(chosen->warning, "");
    }
}

TEST(ChooseIdentity, becomes_the_account_of_last_resort_with_a_warning) {
    const auto chosen = choose_identity({}, root_with(std::nullopt), without_service);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->become, shared_account);
    EXPECT_THAT(chosen->warning, testing::HasSubstr("--run-as USER"));

    const auto unnamed = choose_identity({}, root_with(std::nullopt), lookup_in({}));
    ASSERT_TRUE(unnamed);
    EXPECT_EQ(unnamed->become->user, 65534U);
}

TEST(ChooseIdentity, prefers_the_user_of_run_as) {
    const auto chosen = choose_identity({.run_as = "nobody"}, root_with(directory_owner{1000, 1000}), all);
    ASSERT_TRUE(chosen);
    EXPECT_EQ(chosen->become, shared_account);
    EXPECT_EQ(chosen->warning, "");
}

TEST(ChooseIdentity, refuses_run_as_without_a_usable_user) {
    for (const char* name : {"absent", "root"}) {
        const auto chosen = choose_identity({.run_as = name}, root_with(std::nullopt), all);
        ASSERT_FALSE(chosen) << name;
        EXPECT_EQ(chosen.error().code, errc::usage);
    }
    EXPECT_FALSE(choose_identity({.run_as = "nobody"}, {.is_root = false}, all));
    EXPECT_FALSE(choose_identity({.run_as = "nobody", .unsafe_root = true}, root_with(std::nullopt), all));
}

TEST(ChooseIdentity, stays_root_only_with_unsafe_root_and_warns) {
    const auto chosen = choose_identity({.unsafe_root = true}, root_with(directory_owner{1000, 1000}), all);
    ASSERT_TRUE(chosen);
    EXPECT_FALSE(chosen->become);
    EXPECT_THAT(chosen->warning, testing::HasSubstr("--unsafe-root"));
}

TEST(ChooseIdentity, stays_in_a_user_namespace_without_other_users) {
    const auto chosen = choose_identity({}, {.is_root = true, .has_other_users = false}, all);
    ASSERT_TRUE(chosen);
    EXPECT_FALSE(chosen->become);
    EXPECT_THAT(chosen->warning, testing::HasSubstr("namespace"));
}

}  // namespace
}  // namespace sallyport::ops
