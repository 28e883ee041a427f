// Templates that chat_test.cpp shows to the recogniser, written for the project in the spellings
// that model folders use.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace samara::test {

struct KnownTemplate {
    std::string text, name, opening;
    bool system, tool;  ///< whether the format has a first system message and tools
};

inline const std::string kLoop = "{% for message in messages %}";
inline const std::string kMessage =
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}";
inline const std::string kTail =
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

inline std::vector<KnownTemplate> chatml_templates() {
    return {
        {kLoop + kMessage + kTail, "chatml", "", true, true},
        // Real line feeds inside the strings.
        {kLoop +
             "{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe "
             "brief<|im_end|>\n' }}{% endif %}" +
             kMessage + kTail,
         "chatml",
         "<|im_start|>system\nBe brief<|im_end|>\n",
         true,
         true},
        // Attributes, `~`, double quotes, parentheses and an escaped quote.
        {"{% for message in messages %}{% if (loop.first and messages[0].role != \"system\") %}"
         "{{ \"<|im_start|>system\\nDon't \\\"quote\\\" <|im_end|>\\n\" }}{% endif %}"
         "{{ '<|im_start|>' ~ message.role ~ \"\\n\" ~ message.content ~ '<|im_end|>\\n' }}" +
             kTail,
         "chatml",
         "<|im_start|>system\nDon't \"quote\" <|im_end|>\n",
         true,
         true},
        // On several lines with white-space control, comments and the `is defined` opening.
        {"{#- a comment -#}\n{% if not add_generation_prompt is defined %}\n"
         "  {% set add_generation_prompt = false %}\n{% endif %}\n"
         "{%- for message in messages %}\n    {{- '<|im_start|>' + message['role'] }}\n"
         "{{ message['content'] -}}\n   <|im_end|>\n{% endfor %}\n"
         "{% if add_generation_prompt %}\n<|im_start|>assistant\n{% endif %}\n",
         "chatml",
         "",
         true,
         true},
        {"{{ bos_token }}" + kLoop + kMessage + kTail, "chatml", "<s>", true, true},
        {kLoop +
             "{% if message.role == 'system' and loop.first %}{{ '<|im_start|>system\\nX ' + "
             "message.content | trim + '<|im_end|>\\n' }}{% else %}" +
             kMessage + "{% endif %}" + kTail,
         "chatml",
         "",
         true,
         true},
        // With tools, whose results are gathered into one user turn: that role is given up.
        {R"({%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- for tool in tools %}{{- "\n" + (tool | tojson) }}{%- endfor %}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>system\nYou help.<|im_end|>\n' }}
    {%- endif %}
{%- endif %}
{%- for m in messages %}
    {%- if (m.role == "user") or (m.role == "system" and not loop.first) or (m.role == "assistant" and not m.tool_calls) %}
        {{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}
    {%- elif m.role == "assistant" %}
        {%- for call in m.tool_calls %}{{- call.arguments | tojson(indent=2) }}{%- endfor %}
    {%- elif m.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\n<tool_response>\n' + m.content + '\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %})",
         "chatml",
         "<|im_start|>system\nYou help.<|im_end|>\n",
         true,
         false}};
}

inline std::vector<KnownTemplate> other_templates() {
    const std::string head = R"('<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n')";
    const std::string ask =
        R"({% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %})";
    return {
        {"{% for m in messages %}{% set text = " + head +
             " + m['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set text = "
             "bos_token + text %}{% endif %}{{ text }}{% endfor %}" +
             ask,
         "llama3",
         "<s>",
         true,
         true},
        // A preamble around the first system message, which may be absent; tools are printed as
        // JSON.
        {R"({{- bos_token }}
{%- if not date is defined %}{%- set date = "26 Jul 2024" %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\n\n" }}
{%- if tools is not none %}{{- "Environment: ipython\n" }}{%- endif %}
{{- "Today Date: " + date + "\n\n" }}
{{- system }}
{{- "<|eot_id|>" }}
{%- for m in messages %}
    {%- if not (m.role == 'ipython' or m.role == 'tool' or 'tool_calls' in m) %}
        {{- '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in m %}
        {%- if not m.tool_calls | length == 1 %}{{- raise_exception("one call at a time") }}{%- endif %}
        {%- for key, value in m.tool_calls[0].arguments | items %}{{- key }}{%- endfor %}
    {%- else %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\n\n" }}
        {%- if m.content is mapping or m.content is iterable %}{{- m.content | tojson }}{%- endif %}
    {%- endif %}
{%- endfor %}
)" + ask,
         "llama3",
         "<s><|start_header_id|>system<|end_header_id|>\n\nToday Date: 26 Jul 2024\n\n<|eot_id|>",
         true,
         false},
        {"{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == "
         "0) %}{{ raise_exception('take turns') }}{% endif %}{% if m['role'] == 'user' %}{{ "
         "'[INST] ' + m['content'] + ' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ "
         "m['content'] + eos_token }}{% else %}{{ raise_exception('which role?') }}{% endif "
         "%}{% endfor %}",
         "mistral",
         "<s>",
         false,
         false},
        // The system text in the first user turn.
        {R"({%- if messages[0]["role"] == "system" %}
    {%- set system_text = messages[0]["content"] %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set rest = messages %}
{%- endif %}
{{- bos_token }}
{%- for m in rest %}
    {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{- raise_exception('take turns') }}{%- endif %}
    {%- if m['role'] == 'user' %}
        {%- if loop.first and system_text is defined %}
            {{- ' [INST] ' + system_text + '\n\n' + m['content'] + ' [/INST]' }}
        {%- else %}
            {{- ' [INST] ' + m['content'] + ' [/INST]' }}
        {%- endif %}
    {%- elif m['role'] == 'assistant' %}
        {{- ' ' + m['content'] + eos_token }}
    {%- else %}
        {{- raise_exception('which role?') }}
    {%- endif %}
{%- endfor %})",
         "mistral",
         "<s>",
         true,
         false},
        // The system text in the last message, counted by a namespace.
        {R"({%- if messages[0].role == "system" %}{%- set system_text = messages[0].content %}{%- set rest = messages[1:] %}
{%- else %}{%- set rest = messages %}{%- endif %}
{%- set users = rest | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace(index=0) %}
{%- for m in rest %}
    {%- if not (m.role == "tool" or (m.tool_calls is defined and m.tool_calls is not none)) %}
        {%- if (m["role"] == "user") != (ns.index % 2 == 0) %}{{- raise_exception("take turns") }}{%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for m in rest %}
    {%- if m.role == "user" %}
        {%- if tools is not none and (m == users[-1]) %}{{- "[AVAILABLE_TOOLS]" }}{%- endif %}
        {%- if loop.last and system_text is defined %}
            {{- "[INST] " + system_text + "\n\n" + m.content + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + m.content + "[/INST]" }}
        {%- endif %}
    {%- elif m.role == "assistant" %}
        {{- " " + m["content"] | trim + eos_token }}
    {%- else %}
        {{- raise_exception("which role?") }}
    {%- endif %}
{%- endfor %})",
         "mistral",
         "<s>",
         true,
         false},
        // Llama-2's: a beginning for each user turn, marks around the system text, all stripped.
        {"{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set first = "
         "messages[0]['content'] %}{% else %}{% set rest = messages %}{% set first = false %}{% "
         "endif %}{% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ "
         "raise_exception('take turns') }}{% endif %}{% if loop.index0 == 0 and first != false "
         "%}{% set text = '<<SYS>>\\n' + first + '\\n<</SYS>>\\n\\n' + m['content'] %}{% else %}{% "
         "set text = m['content'] %}{% endif %}{% if m['role'] == 'user' %}{{ bos_token + '[INST] "
         "' + text.strip() + ' [/INST]' }}{% elif m['role'] == 'assistant' %}{{ ' ' + "
         "text.strip() + ' ' + eos_token }}{% else %}{{ raise_exception('which role?') }}{% endif "
         "%}{% endfor %}",
         "mistral",
         "",
         true,
         false},
        {"{% for m in messages %}\n{% if m['role'] == 'user' %}\n{{ '<|user|>\n' + m['content'] + "
         "eos_token }}\n{% elif m['role'] == 'system' %}\n{{ '<|system|>\n' + m['content'] + "
         "eos_token }}\n{% elif m['role'] == 'assistant' %}\n{{ '<|assistant|>\n'  + m['content'] "
         "+ eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ "
         "'<|assistant|>' }}\n{% endif %}\n{% endfor %}",
         "zephyr",
         "",
         true,
         false}};
}

inline std::vector<KnownTemplate> known_templates() {
    std::vector<KnownTemplate> all = chatml_templates();
    for (KnownTemplate& other : other_templates()) {
        all.push_back(std::move(other));
    }
    return all;
}

/// Templates and how the reason of their refusal begins.
inline std::vector<std::pair<std::string, std::string>> refused_templates() {
    const std::string none = "it prints none of: ChatML, Llama-3, Mistral, Zephyr";
    const auto ending = [](const std::string& text) { return kLoop + kMessage + text; };
    return {
        {"", none},
        {"{{ 'something else' }}", none},
        {ending(kTail + "{{ eos_token }}"), none},
        {ending("{% if loop.last %}!{% endif %}" + kTail), none},
        {"{% for message in messages[1:] %}" + kMessage + kTail, none},
        // Older answers lose what they thought: what stands around a content depends on it.
        {kLoop +
             "{% set text = message.content.split('</think>')[-1].lstrip('\\n') %}"
             "{{ '<|im_start|>' + message.role + '\\n' + text + '<|im_end|>\\n' }}" +
             kTail,
         none},
        {"{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + eos_token }}{% endfor "
         "%}",
         none},
        {ending(kTail + "{{ strftime_now('%d') }}"), "it uses today's date"},
        {ending("{{ message | pprint }}" + kTail), "it uses the filter 'pprint'"},
        {ending("{{ message.content.title() }}" + kTail), "it uses the method 'title'"},
        {ending("{{ cycler() }}" + kTail), "it uses the function 'cycler'"},
        {ending("{{ message is callable }}" + kTail), "it uses the test 'callable'"},
        {ending("{{ message }}" + kTail), "it uses printing a list or a mapping"},
        {ending("{{ nothing.more }}" + kTail), "it uses an item of what has no items"},
        {ending("{% macro a() %}{% endmacro %}" + kTail), "it uses the statement 'macro'"},
        {ending("{{ 1 + }}" + kTail), "it uses "},
        {ending("{{ 'a\\x0a' }}" + kTail), "it uses the escape \\x in a string"},
        {ending("{% endfor %}{% if add_generation_prompt %}{{ 'open"),
         "it uses a tag without an end"},
        {ending("{% endfor %}{% if add_generation_prompt %}"), "it uses an 'if' without 'endif'"},
        {ending(""), "it uses a loop without 'endfor'"},
        {ending(kTail + "{% endif %}"), "it uses 'endif"},
        {ending(kTail + "\r\n"), "it uses a carriage return"},
        {ending("{{ " + std::string(1001, '(') + " }}" + kTail), "it uses an expression of more"},
        {ending(kTail +
                [] {
                    std::string deep;
                    for (int i = 0; i < 70; ++i) {
                        deep += "{% if true %}";
                    }
                    return deep;
                }()),
         "it uses more than 64 nested blocks"},
        {kLoop + kLoop + kLoop + kLoop + kLoop + kLoop + kLoop + kLoop + kLoop + kLoop + kLoop +
             kLoop + kLoop + kLoop + kLoop + kLoop + kLoop + kLoop + kLoop + kLoop + "{{ 1 }}" +
             [] {
                 std::string ends;
                 for (int i = 0; i < 20; ++i) {
                     ends += "{% endfor %}";
                 }
                 return ends;
             }(),
         "it uses a template that prints or does too much"},
    };
}

}  // namespace samara::test
