"""Holds the wordings by which lines that are not content are known: tables of data, one row a pattern.

Patterns match a private copy of a block: case folded, white space single, quotes straight, and, for LINES and
COMPANY, without signs at its ends. A language is added by adding rows.
"""

import re
from typing import NamedTuple


class Line(NamedTuple):
    """A wording of a whole block. `company`: not enough alone, only beside lines that are."""

    language: str
    reason: str
    pattern: str
    company: bool = False


class Notice(NamedTuple):
    """A paragraph known by `needed` of its signs, one of them at its start where `opening` says so."""

    reason: str
    opening: str
    signs: tuple[str, ...]
    needed: int


_NETWORK = (
    r"(?:facebook|twitter|x|linkedin|whats ?app|e-?mail|print|copy link|link|reddit|pinterest|telegram|tumblr|pocket|"
    r"messenger|instagram|youtube|tik ?tok|mastodon|bluesky|threads|sms|viber|vk|vkontakte|odnoklassniki|flipboard|"
    r"google\+?|google news|snapchat|line|wechat|weibo|skype|rss|share|tweet|pin|pin it|like|save|follow)"
)
_FOOTER = (
    r"(?:home|news|world|politics|business|sports?|opinion|culture|about|about us|contact|contact us|privacy|"
    r"privacy policy|privacy notice|terms|terms of use|terms of service|terms and conditions|terms & conditions|"
    r"cookies|cookie policy|cookie settings|sitemap|site map|faqs?|help|careers|jobs|advertise|advertise with us|"
    r"accessibility|accessibility statement|imprint|impressum|disclaimer|menu|search|login|log in|sign in|register|"
    r"subscribe|newsletters?|press|rss|do not sell my (?:personal )?info(?:rmation)?)"
)
_BAR = r"[\s|/,;•·–—>»›:*-]+"
_PIECE = r"(?:article|story|stories|post|posts|page|video|content|news|topic|topics|item)"
_LETTER = r"(?:newsletters?|e-?mails?|e-?mail alerts?|alerts?|updates|mailing list|briefing|digest|bulletin)"
_ENTER = r"(?:log ?in|sign ?in|login|register|sign ?up|subscribe|create an? (?:free )?account)"

LINES = (
    # comment forms
    Line("en", "comments", r"be the first(?: one)? to (?:leave a |post a |write a )?(?:comment|reply|review|respond)(?: .{1,30})?"),
    Line("en", "comments", r"(?:leave|post|add|write|submit) (?:a|your|a new) (?:reply|comment|response)(?: below| here| cancel reply)?"),
    Line("en", "comments", r"(?:cancel reply|post comment|submit comment|add comment|comments? below)"),
    Line("en", "comments", r"(?:view|see|show|read|load|hide|sort)(?: all| more| the| \d+)* (?:comments|replies)(?: \(?\d+\)?)?"),
    Line("en", "comments", r"join the (?:conversation|discussion|debate)(?: below| on .{1,30})?"),
    Line("en", "comments", r"(?:there are )?(?:no|\d+) (?:comments?|replies|responses)(?: yet| so far)?"),
    Line("en", "comments", r"\d+ (?:thoughts?|comments?|responses?|replies) (?:on|to) .{1,160}"),
    Line("en", "comments", r"(?:the )?comments?(?: section)? (?:are|is)(?: now| currently)? (?:closed|disabled|off|turned off)(?: .{1,40})?"),
    Line("en", "comments", r"comments? \(?\d+\)?"),
    Line("en", "comments", r"save my name, e-?mail,? (?:and|&) website in this browser .{0,60}"),
    Line("en", "comments", r"notify me (?:of|about|when|by) .{0,30}(?:comments?|posts?|replies)(?: (?:by|via) e-?mail)?"),
    Line("en", "comments", r"your e-?mail(?: address)? will not be published(?:[. ]+required fields are marked)?"),
    Line("en", "comments", r"required fields are marked"),
    Line("en", "comments", r"this site uses akismet to reduce spam(?:[. ]+learn how your comment data is processed)?"),
    Line("en", "comments", r"learn how your comment data is processed"),
    Line("en", "comments", r"(?:report|flag) (?:this )?comment"),
    Line("en", "comments", r"(?:comments?|name|e-?mail|website|reply|replies|newest|oldest|newest first|most liked)", True),
    # accounts
    Line("en", "account", rf"(?:please )?{_ENTER}(?:,? or |/| \| ){_ENTER}(?: now| here)?(?: to .{{1,60}})?"),
    Line("en", "account", r"(?:you (?:must|need to|have to) be |please )(?:logged|signed) in to .{1,60}"),
    Line("en", "account", rf"(?:please |you (?:must|need to|have to) )?{_ENTER} to (?:comment|reply|leave .{{1,30}}|post .{{1,30}}|continue.{{0,30}}|view .{{1,30}}|read .{{1,40}}|join .{{1,30}}|vote)"),
    Line("en", "account", r"to (?:participate in|join|take part in) the (?:discussion|conversation|debate)(?:[, ]+(?:please )?(?:log|sign) in.{0,30})?"),
    Line("en", "account", r"(?:already (?:have an account|a member|registered|a subscriber)|not a member(?: yet)?|don't have an account|forgot(?:ten)? (?:your |my )?password)\W*(?:(?:log|sign) in|sign up|register|join)?(?: here| now)?"),
    Line("en", "account", r"(?:create|open) (?:an|your|a free) account(?: (?:now|today|to .{1,40}))?"),
    Line("en", "account", r"(?:log ?in|sign ?in|log ?out|sign ?out|sign ?up|login|logout|register|registration|my account|username|password|remember me|profile)", True),
    # subscriptions and newsletters
    Line("en", "subscribe", r"subscribe(?: now| today| here| free| for free| by e-?mail| to continue.{0,40})?"),
    Line("en", "subscribe", r"subscribe (?:to|for) (?:our|my|this) .{1,80}"),
    Line("en", "subscribe", rf"(?:subscribe|sign ?up)(?: now| here| today)? (?:to|for) (?:the |a |free )?.{{0,50}}(?:{_LETTER}|channel|podcast|feed|magazine)(?: .{{1,40}})?"),
    Line("en", "subscribe", rf"sign ?up(?: now| here| today)? (?:to|for) (?:our|my) .{{1,80}}"),
    Line("en", "subscribe", rf"(?:get|receive) .{{1,70}}(?:in|to|into) your (?:inbox|e-?mail|mailbox).{{0,40}}"),
    Line("en", "subscribe", r"(?:our |daily |weekly |free |the )?newsletters?(?: sign ?up| subscription)?"),
    Line("en", "subscribe", r"(?:enter|type|provide) your e-?mail(?: address)?(?: .{1,60})?"),
    Line("en", "subscribe", r"(?:thank you|thanks) for (?:subscribing|signing up)(?: .{1,60})?"),
    Line("en", "subscribe", r"(?:you can )?unsubscribe (?:at any ?time|here)(?: .{1,60})?"),
    Line("en", "subscribe", r"this (?:article|content|story|post) is (?:only )?(?:for|available to) (?:paid |paying |premium )?(?:subscribers|members)(?: only)?"),
    Line("en", "subscribe", r"(?:start|begin) your (?:free )?(?:trial|subscription)(?: .{1,40})?"),
    Line("en", "subscribe", r"(?:become|be) (?:a|our) (?:member|subscriber|patron|supporter)(?: today| now| here)?"),
    Line("en", "subscribe", r"support (?:our|independent|quality) journalism(?: .{1,40})?"),
    Line("en", "subscribe", r"(?:donate|your e-?mail(?: address)?|e-?mail address|unsubscribe|first name|last name|i agree to .{1,80})", True),
    # sharing
    Line("en", "share", rf"(?:please )?share (?:this|the)(?: {_PIECE})?(?: (?:on|via|to) .{{1,60}}| with (?:a friend|friends|your friends|others|your network))?"),
    Line("en", "share", rf"(?:click to )?(?:share|tweet|save|print|e-?mail)(?: this(?: {_PIECE})?)?(?: (?:on|to|via|with|a link to a friend))(?: {_NETWORK})?(?: \(opens in (?:a )?new window\))?"),
    Line("en", "share", rf"(?:click to )?(?:share|tweet|pin|e-?mail|print|send) (?:this|it)(?: {_PIECE})?(?: to a friend)?"),
    Line("en", "share", rf"(?:{_NETWORK}{_BAR}){{1,12}}{_NETWORK}"),
    Line("en", "share", r"(?:like|follow|find|join|connect with|add) us(?: on .{1,60})?"),
    Line("en", "share", rf"follow (?:@\w+|.{{1,60}} on {_NETWORK}(?:{_BAR}(?:and )?{_NETWORK})*)"),
    Line("en", "share", r"(?:\d[\d.,]*k? shares?|shares? \d[\d.,]*k?)"),
    Line("en", "share", r"like this:?(?: like)? loading"),
    Line("en", "share", r"(?:copy link|link copied|copied to clipboard|copy (?:link|url) to clipboard|link copied to clipboard)"),
    Line("en", "share", rf"{_NETWORK}", True),
    # navigation
    Line("en", "navigation", r"skip to (?:the )?(?:main )?(?:content|navigation|search|footer|main)"),
    Line("en", "navigation", r"(?:back|return|go|scroll) to (?:the )?(?:top|home ?page|home|main page|all .{1,20}|index)(?: of (?:the )?page)?"),
    Line("en", "navigation", r"(?:read|see|view|show|load|find out|learn|discover) more(?: (?:articles|stories|posts|news|here|about this|comments|details|results))?"),
    Line("en", "navigation", r"(?:read|see|view|show) (?:all|full|the full|the whole|entire) (?:articles?|story|stories|posts?|news|bio|list|profile|gallery)(?: here)?"),
    Line("en", "navigation", r"(?:continue|keep) reading(?: (?:the main story|below|here|.{1,80}→))?"),
    Line("en", "navigation", r"(?:read more|see more|also read|read also|must read|read next|see also|don't miss|up next|related|recommended|watch|more)\s?[:|►▶»→] ?.{1,160}"),
    Line("en", "navigation", rf"(?:related|similar|recent|latest|popular|recommended|featured|trending|top|other|more) (?:{_PIECE}|articles|links|coverage|reading|videos|headlines|reads|picks)(?: for you)?"),
    Line("en", "navigation", r"more (?:on this (?:story|topic)|about this (?:story|topic)|like this|on this)"),
    Line("en", "navigation", r"you (?:may|might)(?: also)? (?:like|enjoy|be interested in|have missed)(?: these)?(?: (?:articles|stories|posts))?"),
    Line("en", "navigation", r"(?:most|editor's|editors') (?:read|popular|viewed|shared|commented|watched|picks?|choice)(?: (?:stories|articles|news|posts|today|this week))?"),
    Line("en", "navigation", r"(?:recommended|selected|picked) for you|trending(?: now)?|what to read next|on our radar"),
    Line("en", "navigation", r"(?:previous|next|older|newer)(?: (?:article|post|posts|story|page|entry|entries|gallery))(?: ?[:|»→-] ?.{1,160})?"),
    Line("en", "navigation", r"page \d+ (?:of|/) \d+"),
    Line("en", "navigation", r"(?:you are here|breadcrumbs?)\W*.{0,120}|home ?[>»›/|] ?.{1,120}"),
    Line("en", "navigation", rf"(?:{_FOOTER}{_BAR}){{2,20}}{_FOOTER}"),
    Line("en", "navigation", r"(?:tags?|tagged|filed under|posted in|categories|category|topics|keywords) ?: ?.{1,160}"),
    Line("en", "navigation", r"(?:toggle|open|close|show|hide)(?: the)? (?:navigation|menu|search|sidebar|main menu|search bar|site navigation)"),
    Line("en", "navigation", r"(?:main |site |primary )?(?:menu|navigation)"),
    Line("en", "navigation", rf"(?:{_FOOTER}|next|previous|more|all|back|top|close|cancel|submit|ok|yes|no|loading|search for|view all|see all)", True),
    # page furniture
    Line("en", "widget", r"news ?feed|live chat|chat with us|feedback form|back ?top"),
    Line("en", "widget", r"(?:please )?(?:enable|turn on|activate) javascript(?: .{1,100})?|javascript (?:is|must be) (?:disabled|required|enabled)(?: .{1,100})?"),
    Line("en", "widget", r"(?:your browser (?:does not|doesn't) support|this browser is not supported).{0,100}"),
    Line("en", "widget", r"media playback is (?:not supported|unsupported)(?: on (?:this|your) device)?"),
    Line("en", "widget", r"(?:this|the|sorry, this) (?:video|content|feature|audio|map) (?:is not|isn't|is no longer|is currently not|is) (?:available|unavailable|supported).{0,60}"),
    Line("en", "widget", r"(?:listen to|hear|print|download|bookmark|save) this (?:article|story|page|post)(?: \(?\d+ min(?:ute)?s?\)?)?"),
    Line("en", "widget", r"(?:(?:estimated )?reading time\W*)?\d+ ?min(?:ute)?s?(?: read)|(?:estimated )?reading time\W*(?:less than )?\d+ ?min(?:ute)?s?"),
    Line("en", "widget", r"(?:download|get|open in|install|try) (?:the|our)(?: free)?(?: mobile| news)? app(?: .{1,40})?"),
    Line("en", "widget", r"(?:loader|loading|chats?|play|pause|mute|unmute|play video|video player|live|watch live|\d{1,6}|print|zoom|close|gallery|slideshow|expand|collapse|full ?screen|notifications?|settings)", True),
    # advertising
    Line("en", "advertisement", r"advertise?ments?(?: .{0,3}scroll to continue.{0,30})?|(?:story|article|content) continues (?:below|after)(?: .{1,40})?|(?:continue reading|scroll) (?:below|after) (?:the )?ad(?:vertisement)?"),
    Line("en", "advertisement", r"(?:sponsored|promoted|paid)(?: (?:content|post|stories|story|links?|partnership|by .{1,40}))|ad feedback|skip (?:this )?ad(?:vertisement)?s?|report (?:this )?ad|remove ads|ads by .{1,30}"),
    Line("en", "advertisement", r"sponsored|ad|ads|promoted|advert", True),
    # pictures
    Line("en", "credit", r"(?:image|media|video|photo) (?:caption|source|credit|copyright)(?: ?[:,] ?.{1,80})?"),
    Line("en", "credit", r"(?:getty images|reuters|ap photo|afp|shutterstock|alamy|istock|unsplash|pixabay|file photo|stock photo|photo gallery|handout|courtesy photo)"),
    Line("en", "cookies", r"(?:accept|reject|allow|manage|decline)(?: all| only necessary| my| your)? (?:cookies?|cookie (?:settings|preferences))|(?:cookie|privacy|consent) (?:settings|preferences|policy|notice|consent)"),
    Line("en", "cookies", r"we use cookies(?: .{1,60})?|this (?:web ?)?site uses cookies(?: .{1,60})?"),
    Line("en", "cookies", r"accept all|reject all|got it|i agree|accept|decline|manage preferences", True),
    # other languages: the commonest wordings
    Line("de", "comments", r"(?:schreibe|hinterlasse) (?:einen|eine) (?:kommentar|antwort)(?: .{1,40})?|kommentare? \(\d+\)|(?:noch )?keine kommentare|kommentar (?:abschicken|schreiben)"),
    Line("de", "share", r"(?:artikel |beitrag |seite )?teilen(?: (?:auf|via|mit) .{1,30})?"),
    Line("de", "subscribe", r"(?:jetzt )?(?:newsletter|kostenlos) (?:abonnieren|bestellen|anmelden)|jetzt abonnieren"),
    Line("de", "navigation", r"(?:mehr|weiter) ?lesen|zum (?:inhalt|menü) springen|das könnte sie auch interessieren|lesen sie auch:? .{0,120}|nach oben"),
    Line("de", "cookies", r"(?:alle )?cookies (?:akzeptieren|ablehnen)|wir verwenden cookies(?: .{1,60})?"),
    Line("de", "advertisement", r"anzeige|werbung"),
    Line("fr", "comments", r"laisser un commentaire(?: .{1,40})?|(?:ajouter|poster|écrire) un commentaire|\d+ commentaires?|aucun commentaire"),
    Line("fr", "share", r"partager(?: (?:cet article|sur .{1,30}))?"),
    Line("fr", "subscribe", r"(?:s'abonner|abonnez-vous|je m'abonne|inscrivez-vous)(?: .{0,50}newsletter.{0,20})?"),
    Line("fr", "navigation", r"lire (?:la suite|aussi)(?: ?:.{0,120})?|à lire aussi(?: ?:.{0,120})?|aller au contenu(?: principal)?|retour en haut(?: de page)?|articles? (?:similaires|liés|récents)"),
    Line("fr", "cookies", r"(?:tout )?accepter (?:les |et )?(?:cookies|fermer)|nous utilisons des cookies(?: .{1,60})?"),
    Line("fr", "advertisement", r"publicité"),
    Line("es", "comments", r"(?:deja|dejar|escribe|añadir) un(?:a)? (?:comentario|respuesta)(?: .{1,40})?|\d+ comentarios?|no hay comentarios"),
    Line("es", "share", r"compart(?:ir|e)(?: (?:este artículo|en .{1,30}))?"),
    Line("es", "subscribe", r"suscr[ií]b(?:ete|irse|ase)(?: .{0,60})?"),
    Line("es", "navigation", r"(?:leer|ver|lee) (?:más|también)(?: ?:.{0,120})?|(?:saltar|ir) al contenido|artículos? relacionados?|volver arriba"),
    Line("es", "cookies", r"aceptar (?:todas )?(?:las )?cookies|utilizamos cookies(?: .{1,60})?"),
    Line("es", "advertisement", r"publicidad"),
    Line("ru", "comments", r"(?:добавить|оставить|написать) комментарий|комментарии(?: \(?\d+\)?)?|комментариев нет"),
    Line("ru", "account", r"войти(?: или зарегистрироваться)?|чтобы участвовать в дискуссии.{0,60}|авторизуйтесь или зарегистрируйтесь"),
    Line("ru", "share", r"поделиться(?: .{1,30})?"),
    Line("ru", "subscribe", r"подписаться(?: .{1,60})?|подпишитесь(?: .{1,60})?"),
    Line("ru", "navigation", r"читать (?:далее|также|ещё|еще)(?: ?:.{0,120})?|читайте также(?: ?:.{0,120})?|наверх|новости по теме"),
    Line("ru", "widget", r"лента новостей|загрузка"),
    Line("ru", "advertisement", r"реклама"),
)
"""Whole lines; the end marks of punctuation are not part of what is matched."""

_OWNER_MARK = r"(?:©|\(c\)|copyright\b(?! (?:law|is|was|has|infring|protection|holder|owner|act|claim|reform|case|dispute)))"
_PERMISSION = (
    r"without (?:the |our |any |its )?(?:express |prior |explicit )?(?:and |or )?(?:written )?"
    r"(?:permission|consent|authori[sz]ation|approval)"
)

NOTICES = (
    Notice(
        "copyright",
        rf"{_OWNER_MARK}|all rights reserved|unauthori[sz]ed|no part of this|this (?:material|article|content|story|work)"
        r" (?:may not|is (?:protected|licensed|published|republished|distributed))|reproduc|republi(?:sh|cation)|"
        r"except where otherwise noted|content on this (?:site|page)|licensed under|the content of this",
        (
            rf"{_OWNER_MARK}.{{0,40}}\b(?:19|20)\d\d\b|^{_OWNER_MARK}|\b(?:19|20)\d\d.{{0,12}}(?:©|\(c\))",
            r"all rights? (?:are )?reserved",
            _PERMISSION,
            r"(?:strictly |expressly )(?:prohibited|forbidden)|is prohibited",
            r"may not be (?:\w+, ){0,5}(?:or )?(?:published|reproduced|broadcast|rewritten|redistributed|copied|used|duplicated)",
            r"unauthori[sz]ed (?:use|reproduction|duplication|distribution|copying|republication)",
            r"(?:licensed|licensing|available) under .{0,40}(?:creative commons|cc[ -]by|licen[cs]e)|creative commons attribution",
            r"(?:www\.|https?://)\S+|excerpts and links may be used|this site's author",
            r"protected by (?:\w+ ){0,3}copyright|terms (?:of use|and conditions|of service)",
        ),
        2,
    ),
    Notice(
        "cookies",
        r"we (?:and our (?:\d+ )?partners )?use|this (?:web ?)?site uses|our (?:web ?)?sites? uses?|by (?:continuing|using|clicking|accepting|browsing)|"
        r"cookies (?:help|allow|enable|are used)|the (?:web ?)?site uses|to (?:provide|give) (?:you )?the best|"
        r"(?:wir|diese (?:web)?seite) (?:verwenden|nutzt|verwendet)|nous utilisons|ce site utilise|utilizamos|este sitio|мы используем",
        (
            r"\bcookies?\b|куки|cookie-файл",
            r"(?:accept|consent|agree|acceptez|aceptas?|zustimmen|akzeptieren|соглас)",
            r"(?:(?:your|user|browsing|best|better) experience|personali[sz]e|analy[sz]e (?:our |site )?traffic|improve (?:our|your|this)|erlebnis|expérience|experiencia)",
            r"(?:privacy|cookie) (?:policy|notice|settings|preferences)|by (?:continuing|using|clicking|browsing)|learn more|find out more",
        ),
        2,
    ),
    Notice(
        "subscribe",
        r"(?:subscribe|sign ?up|join|get|receive|enter your|register|don't miss|never miss|stay|keep up|want more|"
        r"like what you|enjoying|our newsletter|this article (?:first |originally )?appeared in (?:our|the) newsletter|"
        r"if you (?:enjoy|like)|thank you for reading|you have \d+ free|you've reached|support)",
        (
            r"(?:subscribe|sign ?up|register)\b",
            r"\b(?:our|my|this|the|free|daily|weekly) (?:\w+ ){0,3}(?:newsletters?|mailing list|e-?mails?|briefing|newswire)",
            r"(?:in|into|to) your (?:inbox|e-?mail)|(?:free|monthly|remaining) articles?|independent journalism",
            r"(?:every|each) (?:morning|day|week|friday|monday|sunday|month)|unsubscribe|privacy policy|just £|just \$|cancel any ?time",
        ),
        2,
    ),
    Notice(
        "comments",
        r"(?:your e-?mail|this site uses akismet|comments? (?:are|will be|on this|that|posted|section|policy)|"
        r"we (?:welcome|encourage|reserve|moderate)|please (?:keep|read|note|be|review|follow|stay|log|sign)|to (?:leave|post) a comment|"
        r"by (?:posting|submitting|commenting)|all comments|have your say|what do you think|share your (?:thoughts|views))",
        (
            r"will not be published|required fields|reduce spam|akismet",
            r"comment(?:s|ing)?\b.{0,60}(?:moderat|guidelines|policy|terms|remove|delete|edit|approved|closed|data is processed|below)",
            r"(?:in|via|to) the comments?(?: section| box| form)?(?: below)?|respectful|off-topic|community (?:guidelines|standards)",
            r"(?:let us know|share your|tell us|have your say|leave a comment)",
        ),
        2,
    ),
    Notice(
        "advertisement",
        r"(?:this (?:article|post|page|story|site) (?:may |might )?(?:contains?|includes?)|we (?:may )?(?:earn|receive|get)|as an amazon|"
        r"(?:disclosure|full disclosure|affiliate)|some of the links|when you (?:buy|purchase|click)|if you (?:buy|purchase|click))",
        (
            r"affiliate|amazon associate",
            r"(?:earn|receive|get)(?: a| an)?(?: small)?(?: affiliate)? commission|qualifying purchases",
            r"(?:at )?no (?:extra|additional) cost|links? (?:on|in) (?:this|our)",
        ),
        2,
    ),
    Notice(
        "disclaimer",
        r"(?:\W?(?:the )?(?:views|opinions)|disclaimer|this (?:story|article|report|copy|content|is a|press release)|\W?(?:except for the headline|only the headline)|"
        r"nothing (?:in|on) this (?:site|page)|the information (?:on|in|provided) )",
        (
            r"(?:views|opinions).{0,40} expressed",
            r"(?:do|does) not (?:necessarily )?(?:reflect|represent)|are (?:solely )?those of the|are (?:his|her|their|the author's) own",
            r"has not been edited by|(?:auto-?generated|published) from (?:a|an) .{0,30}feed|headline and picture",
            r"(?:informational|educational|general information) purposes|(?:not|nor) (?:a substitute for|intended (?:as|to)|constitute|be construed as|financial|legal|medical|professional).{0,60}advice",
        ),
        2,
    ),
)
"""Paragraphs that no reader came for; a sign counts once however often it occurs."""

CREDITS = (
    r"[(\[]?(?:©|\(c\))? ?(?:AP|AFP|EPA|Reuters|REUTERS|Getty Images|Getty|PA|TASS|Sputnik|Xinhua|Anadolu|Bloomberg|Shutterstock|Alamy)"
    r"(?: Photo| Images| Wire| Media| Agency)? ?/ ?[^.!?]{2,80}[)\]]?",
    r"[(\[]?(?:[Ff]ile )?(?:[Pp]hoto|[Pp]icture|[Ii]mage|PHOTO|IMAGE|[Pp]hotograph|[Ii]llustration|[Gg]raphic|[Cc]redit|[Pp]ic)s?"
    r"(?: (?:[Cc]redits?|[Cc]ourtesy(?: of)?|[Ss]ource|[Bb]y))? ?[:/|©] ?[^.!?]{2,80}[)\]]?",
    r"[(\[]?(?:[Pp]hoto|[Pp]icture|[Ii]mage|[Pp]hotograph|[Ii]llustration|[Gg]raphic)s? (?:credit|by|courtesy of|courtesy|from|via) "
    r"(?:[A-Z][\w.'-]*[ ,/&]*|on |of |the |and |via |for |/ ){1,10}[)\]]?",
    r"[(\[]?(?:©|\(c\)|Copyright) ?(?:\d{4} )?(?:[A-Z][\w.'-]*[ ,/&-]*|of |the |and |via ){1,8}[)\]]?",
)
"""Whole lines, as they are written, that credit a picture to someone."""

CLOSING_CREDIT = (
    r"[(\[](?:(?:AP|AFP|EPA|Reuters|REUTERS|Getty Images|PA|TASS|Sputnik)(?: Photo| Images)? ?/ ?"
    r"|(?:[Ff]ile )?(?:[Pp]hoto|[Pp]icture|[Ii]mage|[Cc]redit|[Pp]hotograph|[Ii]llustration)s?"
    r"(?: (?:[Cc]redit|[Cc]ourtesy|[Ss]ource|[Bb]y|[Vv]ia))?(?:[:/]| (?:by|courtesy|via) ))[^()\[\]]{2,80}[)\]]\s*\.?$"
)
"""A credit in brackets that ends a caption."""

CREDIT_SIGN = r"©|\(c\)|\b(?:photo|image|picture|credit|getty|reuters|afp|epa|ap photo|handout|courtesy|shutterstock|file)\b"
"""What the piece that is left over from a repeated caption holds when it is a credit (case folded)."""

LINE_PATTERNS = {
    company: [(row.reason, re.compile(row.pattern)) for row in LINES if row.company is company] for company in (False, True)
}
