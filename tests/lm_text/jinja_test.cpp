// The reader of Jinja against Jinja itself, construct by construct; and templates damaged at
// random: what is recognised all the same must print what Jinja prints.
#include "lm/text/jinja.hpp"

#include "chat_templates.hpp"
#include "lm/text/chat.hpp"
#include "runtime/error.hpp"
#include "support.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <random>
#include <set>
#include <sstream>

using namespace samara::host;
using namespace samara::test;
using nlohmann::json;

namespace {

const std::string kM = "{% for m in messages %}";

// Each prints the same in both, or raises in both.
const std::vector<std::string> kConstructs = {
    kM + "{{ loop.index }},{{ loop.index0 }},{{ loop.revindex }},{{ loop.revindex0 }},"
         "{{ loop.first }},{{ loop.last }},{{ loop.length }};{% endfor %}",
    kM + "{{ loop.previtem.role if not loop.first }}>{{ loop.nextitem.role if not loop.last }};"
         "{% endfor %}",
    "{{ messages | length }} {{ messages[0].role }} {{ messages[-1]['role'] }} {{ messages[99] }}",
    "{% for m in messages[1:] %}{{ m.role }}{% endfor %}|{% for m in messages[::-1] %}"
    "{{ m.role }}{% endfor %}|{% for m in messages[-2:-1] %}{{ m.role }}{% endfor %}|"
    "{% for m in messages[:1] %}{{ m.role }}{% endfor %}",
    "{% for m in messages if m.role == 'user' %}{{ loop.index }}{{ loop.last }}{% endfor %}",
    "{% set x = 1 %}" + kM + "{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(n=0, seen=false) %}" + kM +
        "{% set ns.n = ns.n + 1 %}{% if m.role == 'user' %}{% set ns.seen = true %}{% endif %}"
        "{% endfor %}{{ ns.n }}{{ ns.seen }}",
    "{{ 1 + 2 * 3 - 4 }} {{ 7 // 2 }} {{ 7 % 4 }} {{ -3 + 1 }} {{ 1 ~ 2 + 3 }} {{ 'a' ~ 1 ~ none "
    "}}",
    "{{ 1 < 2 }} {{ 2 <= 2 }} {{ 1 > 2 }} {{ 1 != 1 }} {{ not 1 == 2 }} {{ not true or true }}",
    "{{ true and false or 'x' }} {{ '' or 'y' }} {{ 'a' and 'b' }} {{ none or 0 }}",
    "{{ 'a' in 'cat' }} {{ 'x' not in 'cat' }} {{ 'role' in messages[0] }} {{ 'z' in messages[0] }}"
    " {{ 2 in [1, 2] }} {{ 'a' in {'a': 1} }}",
    "{{ x is defined }} {{ x is undefined }} {{ x is not none }} {{ none is none }} {{ 'a' is "
    "string }}"
    " {{ messages is iterable }} {{ x is iterable }} {{ x is sequence }} {{ x is string }}"
    " {{ messages[0] is mapping }} {{ messages is sequence }}",
    "{{ true is number }} {{ true is integer }} {{ 1 is integer }} {{ 1 is boolean }} {{ true is "
    "true }}"
    " {{ 1 is true }} {{ false is false }}",
    "{{ x }}{{ none }}{{ true }}{{ x | default('d') }}{{ none | default('d') }}",
    "{{ '  a b ' | trim }}|{{ '  a b '.strip() }}|{{ ' a '.lstrip() }}|{{ ' a '.rstrip() }}|"
    "{{ 'xxaxx'.strip('x') }}|{{ '\\n\\na'.lstrip('\\n') }}|{{ ''.strip('x') }}|{{ ''.rstrip('x') "
    "}}",
    kM + "[{{ m.content | trim }}][{{ m.content.strip() }}][{{ m['content'].rstrip() }}]{% endfor "
         "%}",
    "{{ 'a-b-c'.split('-')[1] }} {{ 'abc'.split('-')[-1] }} {{ 'ab'.startswith('a') }} "
    "{{ 'ab'.endswith('a') }} {{ ('a-b'.split('-')) | length }}",
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }} "
    "{{ messages | rejectattr('role', '==', 'user') | list | length }}",
    "{{ (messages | first).role }} {{ (messages | last).role }} {{ 5 | string + 'a' }}",
    "{{ messages[0].get('role') }} {{ messages[0].get('none') }} {{ messages[0].get('n', 'd') }}",
    "{% if messages[0].role == 'user' %}u{% elif messages[0].role == 'system' %}s{% else %}o"
    "{% endif %}",
    "{% if messages | length > 3 %}{{ raise_exception('many') }}{% endif %}few",
    "a\n  {% if true %}\n  b\n  {% endif %}\n  c {% if true %} d {% endif %} e\n",
    "a\n  {%- if true -%}\n  b\n  {%- endif %}\n\n  c\n  {{- 'd' -}}\n  e\n\n",
    "a  {{ 'b' }}  \n  {{ 'c' }}\n{# comment #}\n d {#- comment -#} \n e",
    "\n\n{% set a = 'x' %}\n{{ a }}\n{% set b = a %}{{ b }}\n\n",
    "a \xC2\xA0{%- if true -%}\xE3\x80\x80\x0C b{%- endif -%} c",
    "  {%+ if true %} a {% endif %}",
    "{{ 'it''s' }}",
    "{{ \"a\\tb\\n\\\"c\\\" \\\\ \\'\" }} {{ '{{ not code }}' }} {{ '%}' }}",
    "{{ [1, 'a'][1] }} {{ {'a': 'b'}['a'] }} {{ {'a': 1}.a }} {{ ['x'] | length }}",
    "{{ -messages[0].n | default(3) }}",
    "{{ - 2 | string }}",
    "{{ 'yes' if messages | length % 2 == 0 else 'no' }} {{ 'only' if false }}",
    "{{ ((1)) }} {{ (1 + 2) * 3 }} {{ 'a' if 1 == 1 and not 2 == 3 else 'b' }}",
    "{{ bos_token + 'a' + eos_token }} {{ tools is none }} {{ tools }} {{ add_generation_prompt "
    "}}"};

std::optional<std::string> run(const std::string& text, const json& row) {
    const json globals = {{"messages", row["messages"]},
                          {"add_generation_prompt", row["generation"]},
                          {"bos_token", "<s>"},
                          {"eos_token", "</s>"},
                          {"tools", nullptr},
                          {"documents", nullptr}};
    try {
        return jinja::render(jinja::parse(text), globals);
    } catch (const jinja::Raised&) {
        return std::nullopt;
    } catch (const jinja::Unreadable&) {
        return std::nullopt;
    }
}

std::vector<Message> messages_of(const json& list) {
    std::vector<Message> messages;
    for (const json& message : list) {
        messages.push_back({message["role"], message["content"]});
    }
    return messages;
}

// One small damage: a word in place of another, or a few characters lost or doubled.
std::string damaged(std::string text, std::mt19937& random) {
    constexpr std::array<std::pair<const char*, const char*>, 20> kSwaps = {
        {{"user", "assistant"},
         {"assistant", "user"},
         {"system", "user"},
         {"==", "!="},
         {"!=", "=="},
         {"first", "last"},
         {"last", "first"},
         {"0", "1"},
         {"1", "0"},
         {" + ", " ~ "},
         {"not ", ""},
         {"{%-", "{%"},
         {"-%}", "%}"},
         {"{{-", "{{"},
         {" | trim", ""},
         {"content", "role"},
         {"eos_token", "bos_token"},
         {"\\n", ""},
         {"if ", "if not "},
         {"%}{%", "%} {%"}}};
    const size_t choice = random() % (kSwaps.size() + 10);
    if (choice < kSwaps.size()) {
        const std::string from = kSwaps[choice].first;
        std::vector<size_t> places;
        for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + 1)) {
            places.push_back(at);
        }
        return places.empty()
                   ? text
                   : text.replace(
                         places[random() % places.size()], from.size(), kSwaps[choice].second);
    }
    const size_t at = random() % text.size(), count = 1 + random() % 4;
    return choice % 2 == 0 ? text.erase(at, count) : text.insert(at, text.substr(at, count));
}

}  // namespace

TEST_CASE("constructs of Jinja print what Jinja prints", "[chat]") {
    const TemporaryFolder folder;
    const std::string file = folder.write("templates.json", json(kConstructs).dump());
    std::istringstream lines(run_oracle({"render", file}));
    std::vector<size_t> printed(kConstructs.size());
    for (std::string line; std::getline(lines, line);) {
        const json row = json::parse(line);
        const auto number = row["template"].get<size_t>();
        const auto text = run(kConstructs[number], row);
        INFO(kConstructs[number] << "\n" << row["messages"].dump(-1, ' ', true));
        CHECK((text ? json(*text) : json()) == row["text"]);
        printed[number] += text ? 1 : 0;
    }
    size_t silent = 0;  // what neither prints tells nothing
    for (const size_t count : printed) {
        silent += count == 0 ? 1 : 0;
    }
    CHECK(silent <= 4);
}

TEST_CASE("a damaged template is refused, or its format still prints what Jinja prints", "[chat]") {
    const TemporaryFolder folder;
    std::mt19937 random(7);
    json list = json::array();
    std::vector<ChatFormat> formats;
    size_t refused = 0;
    for (const KnownTemplate& known : known_templates()) {
        for (int i = 0; i < 16; ++i) {
            const std::string text = damaged(known.text, random);
            try {
                formats.push_back(recognise_chat_template(
                    text, {{"bos_token", "<s>"}, {"eos_token", "</s>"}}, "file"));
                list.push_back(text);
            } catch (const Error& error) {
                CHECK(error.code() == Code::config);
                ++refused;
            }
        }
    }
    CHECK(refused > 40);
    CHECK(formats.size() > 15);
    size_t printed = 0;
    std::set<size_t> wrong;
    std::istringstream lines(run_oracle({"render", folder.write("templates.json", list.dump())}));
    for (std::string line; std::getline(lines, line);) {
        const json row = json::parse(line);
        const ChatFormat& format = formats.at(row["template"].get<size_t>());
        try {
            const std::string text = format.render(messages_of(row["messages"]), row["generation"]);
            ++printed;
            const auto number = row["template"].get<size_t>();
            if (json(text) != row["text"] && wrong.insert(number).second) {
                UNSCOPED_INFO(list[number].get<std::string>()
                              << "\n"
                              << shown(row["messages"].dump(-1, ' ', true)) << "\n"
                              << shown(text) << "\n"
                              << shown(row["text"].dump(-1, ' ', true)));
            }
        } catch (const Error&) {  // stricter than the template is allowed, and counted
        }
    }
    CHECK(wrong.empty());
    CHECK(printed > formats.size() * 60);
}
