"""Truths about boilerplate: what a reader came for is never masked, what no reader came for mostly is."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.chunking.boilerplate import MAX_LINE_CHARACTERS, MAX_SIGNATURE_CHARACTERS, REASONS, masks
from rag.chunking.boilerplate_patterns import wordings
from rag.chunking.sentences import blocks
from rag.core.types import Document, Mask
from rag.loading import Source, load
from tests.exploring import examples
from tests.fuzz.run import finding

ABOVE = "The committee met on Monday and agreed that the old bridge should be closed until the inspection is finished."
BELOW = "Nobody in the town knows when that will be, and the mayor has said that he will not wait for the experts."

# Lines of news sites and blogs, each an own block between two paragraphs, by the reason they are masked for.
BOILERPLATE = {
    "account": [
        "Already a subscriber? Sign in",
        "Subscribe to continue reading",
        "You must be logged in to post a comment.",
        "Please log in or register to comment",
        "Log in / Register",
        "Don't have an account? Sign up",
        "Register for free to continue reading",
        "Create a free account to read this article",
        "Log in to leave a comment",
        "Sign in to comment",
        "Login to comment",
    ],
    "advertisement": [
        "This post may contain affiliate links, which means we may earn a small commission at no extra cost to you.",
        "As an Amazon Associate I earn from qualifying purchases.",
        "Advertisement",
        "ADVERTISEMENT - CONTINUE READING BELOW",
        "Story continues below advertisement",
        "Sponsored Content",
        "Report this ad",
        "We may earn commission from links on this page, but we only recommend products we back.",
        "Article continues after advertisement",
        "Sponsored by Acme Bank",
        "Some links in this article are affiliate links and we may earn a commission.",
    ],
    "comments": [
        "Be the first to comment",
        "Leave a Reply Cancel reply",
        "Leave a comment",
        "Your email address will not be published. Required fields are marked *",
        "Save my name, email, and website in this browser for the next time I comment.",
        "Notify me of follow-up comments by email.",
        "3 Comments",
        "No comments yet",
        "Comments are closed.",
        "View all comments",
        "12 thoughts on “How to build a chicken coop”",
        "Join the conversation",
        "Have your say: let us know what you think in the comments below.",
        "Add your comment",
        "Post a comment",
        "0 Comments",
        "Showing 5 of 32 comments",
        "All comments are moderated and may be edited for clarity.",
        "Please read our comment policy before commenting.",
        "Your comment is awaiting moderation.",
        "What do you think? Let us know in the comments below!",
        "Comments have been closed on this article.",
        "Leave your comment",
        "Write a comment...",
        "Sort by newest",
        "Load more comments",
        "Your name (required)",
        "Post a reply",
        "View 4 replies",
        "1 Response to “On patience”",
    ],
    "cookies": [
        (
            "We use cookies to ensure that we give you the best experience on our website. If you continue "
            "to use this site we will assume that you are happy with it."
        ),
        (
            "This website uses cookies to improve your experience. By continuing to browse, you agree to "
            "our cookie policy."
        ),
        "By clicking “Accept all”, you agree that we and our partners may store cookies on your device.",
        "Accept all cookies",
        "Manage cookie preferences",
        "This website stores cookies on your computer.",
        "We and our partners use cookies and similar technologies to personalise content and ads.",
        "Cookie Policy",
        "I accept the use of cookies",
        "We use essential cookies to make this site work.",
        "This site uses cookies from Google to deliver its services and to analyze traffic.",
        "Cookie settings",
        "Your privacy choices",
    ],
    "copyright": [
        "© 2024 The Daily Example. All rights reserved.",
        "Copyright © 2019 Example Media Ltd.",
        "Copyright 2021 NPR. To see more, visit https://www.npr.org.",
        (
            "Copyright 2020 The Associated Press. All rights reserved. This material may not be published, "
            "broadcast, rewritten or redistributed without permission."
        ),
        (
            "All rights reserved. No part of this publication may be reproduced without the prior written "
            "permission of the publisher."
        ),
        "This work is licensed under a Creative Commons Attribution 4.0 International License.",
        (
            "Except where otherwise noted, content on this site is licensed under a Creative Commons "
            "Attribution 3.0 license."
        ),
        "© Copyright 2023 Example News. All Rights Reserved.",
        "©2022 Cable News Network. A Warner Bros. Discovery Company. All Rights Reserved.",
        "Copyright (c) 2012-2020 The Example Foundation",
        "Reproduction in whole or in part without permission is prohibited.",
        "Reuse this content",
        "Republished with permission of The Conversation under a Creative Commons licence.",
        (
            "Copyright © 1998–2024 Example Corp. All rights reserved. Use of this site constitutes "
            "acceptance of our Terms of Use."
        ),
        "© Guardian News & Media Limited 2010",
        "All content copyright Example Press 2011",
        "© 2011 Example Press.All rights reserved.",
        "This article may not be reproduced without the permission of the publisher. All rights reserved.",
        "Text is available under the Creative Commons Attribution-ShareAlike License; additional terms may apply.",
    ],
    "credit": [
        "Photo: Getty Images",
        "Image source, Getty Images",
        "Photo by John Smith on Unsplash",
        "(AP Photo/Ariel Schalit)",
        "© AP Photo / Ariel Schalit",
        "Credit: Jane Doe/The New York Times",
        "Getty Images",
        "REUTERS/Mohammed Salem",
        "Image credit: NASA/JPL-Caltech",
        "Photograph: Jane Doe/The Guardian",
        "Picture: PA",
        "(Photo by Sean Gallup/Getty Images)",
        "Image: Wikimedia Commons",
        "Photo courtesy of the University of Example",
        "Photo credit: Shutterstock",
        "AFP via Getty Images",
        "Reuters/Kevin Lamarque",
        "(Image: AP)",
        "Picture credit: PA Wire",
        "Photo by Jane Doe",
        "Photographer: Jane Doe/Bloomberg",
        "Source: Getty Images",
        "Image copyright Reuters",
    ],
    "disclaimer": [
        (
            "The views expressed in this article are the author's own and do not necessarily reflect Al "
            "Jazeera's editorial policy."
        ),
        "(This story has not been edited by NDTV staff and is auto-generated from a syndicated feed.)",
        (
            "Disclaimer: The information on this site is for general information purposes only and is not "
            "intended as medical advice."
        ),
        "The opinions expressed here are those of the authors and do not represent the views of their employers.",
        "This article is for informational purposes only and does not constitute financial advice.",
        "The views and opinions expressed are those of the author and do not reflect the position of this newspaper.",
    ],
    "navigation": [
        "Skip to main content",
        "Back to top",
        "Read more »",
        "Read more: Five things we learned from the summit",
        "Also read: Gold prices fall for third day in a row",
        "Related articles",
        "You may also like",
        "Recommended for you",
        "Most Read",
        "Trending Now",
        "Editor's Picks",
        "Previous post: How I learned to bake",
        "Next article",
        "Home > News > World",
        "You are here: Home / Blog / Archive",
        "About Us | Contact | Privacy Policy | Terms of Use",
        "Home About Contact Privacy",
        "Page 1 of 12",
        "Tags: Azerbaijan, Israel, drones",
        "Filed Under: Politics, Middle East",
        "Posted in Uncategorized | Tagged travel, food | 3 Comments",
        "Toggle navigation",
        "Lire la suite",
        "Skip to navigation",
        "Jump to content",
        "Return to homepage",
        "Click here to read more",
        "Continue reading →",
        "Related: The ten best beaches in Europe",
        "READ ALSO: Police arrest three over fuel theft",
        "More from Politics",
        "More Stories",
        "What to Read Next",
        "Popular posts",
        "« Older posts",
        "Newer Entries »",
        "News Sport Weather TV Radio",
        "Topics: climate, energy, policy",
        "Show more",
        "Leer más",
        "Читайте также: Новые санкции против банков",
        "Scroll down to continue reading",
        "Skip to content",
        "Back to all articles",
        "Read the full story",
        "See also: Our guide to the election",
        "More on this topic",
        "You might also be interested in",
        "Popular now",
        "Top Stories",
        "Latest news",
        "Older Posts",
        "Previous Article",
        "Home / News / Local",
        "Privacy Policy | Cookie Policy | Contact Us",
        "Categories: Uncategorized",
        "Tagged: travel, spain, food",
        "Mehr zum Thema",
        "Lire aussi : La crise en cinq dates",
        "Te puede interesar",
    ],
    "separator": [
        "* * *",
        "--------------------",
        "• • •",
        "###",
        "~~~~~~~~",
    ],
    "share": [
        "Share this article",
        "Share on Facebook",
        "Share on Twitter (Opens in new window)",
        "Facebook Twitter LinkedIn WhatsApp Email",
        "Facebook | Twitter | Pinterest",
        "Click to share on LinkedIn (Opens in new window)",
        "Follow us on Instagram",
        "Follow @nytimes on Twitter",
        "1.2K Shares",
        "Like this: Like Loading...",
        "Copy link",
        "Print this page",
        "Share this post on social media",
        "Share via Email",
        "Tweet this",
        "Pin it on Pinterest",
        "Follow The Verge on Facebook and Twitter",
        "Connect with us on LinkedIn",
        "Artikel teilen",
        "Partager sur Facebook",
        "Follow us:",
        "Tell a friend",
        "Share on WhatsApp",
        "Email this article to a friend",
        "Follow BBC News on Instagram",
        "Find us on Facebook",
        "Share this story, choose your platform!",
        "Facebook X (Twitter) WhatsApp",
        "2 shares",
        "Поделиться в Telegram",
    ],
    "subscribe": [
        "Subscribe to our newsletter",
        "Subscribe now",
        "Sign up for our daily newsletter",
        "Sign up for The Morning Briefing newsletter",
        "Get the best of The Guardian delivered to your inbox every weekday.",
        "Enter your email address to follow this blog and receive notifications of new posts by email.",
        "Thank you for subscribing!",
        "You can unsubscribe at any time.",
        "This article is for subscribers only.",
        "Want more stories like this? Sign up for our free weekly newsletter and get it in your inbox every Friday.",
        "Support independent journalism",
        "Jetzt Newsletter abonnieren",
        "Suscríbete a nuestro boletín",
        "Подписаться на рассылку",
        "If you enjoyed this post, please consider subscribing to our newsletter or sharing it with your friends.",
        "Subscribe via RSS",
        "Sign up to receive our latest news and offers by email",
        "Join our mailing list",
        "Join more than 50,000 subscribers and get new posts delivered straight to your inbox.",
        "Stay up to date with the latest news. Subscribe to our newsletter.",
        "By subscribing you agree to our Privacy Policy and Terms of Use.",
        "You have 3 free articles remaining this month. Subscribe for unlimited access.",
        "This content is available to subscribers only",
        "Subscribe to the Daily Digest newsletter",
        "Sign up here for our weekly climate newsletter.",
        "Get our free newsletter in your inbox",
        "Get unlimited access to all our stories. Subscribe today for just $1 a week.",
        "This is a subscriber-only story. Log in to read.",
        "Thanks for signing up!",
        "Please enter a valid email address",
        "Unsubscribe at any time. Read our privacy policy.",
    ],
    "widget": [
        "5 min read",
        "Reading time: 4 minutes",
        "Listen to this article",
        "Download our app",
        "Media playback is unsupported on your device",
        "Please enable JavaScript to view the comments powered by Disqus.",
        "Your browser does not support the video tag.",
        "Newsfeed",
        "Loading comments…",
        "Comments powered by Disqus",
        "Video player is loading.",
        "JavaScript is required to view this page.",
        "4 minute read",
        "Estimated reading time: 7 min",
        "Get the app",
        "Send us your feedback",
        "Report an error",
        "Found a mistake? Let us know.",
        "Rate this article",
        "10 min read",
        "Print article",
        "Enable JavaScript and cookies to continue",
        "Was this article helpful?",
        "Report a problem",
    ],
}
PROSE = [
    "- [`pin::Pin`]",
    "Keywords: 'be', 'prove', 'syntax', 'note', 'mutable' and 'bind' were freed.",
    "By using or copying this document you agree that you have read the following terms and conditions:",
    "Subscribe to the theory that markets are efficient and you will never beat them.",
    "The company apologised for the cookie mix-up.",
    'He said: "Share this with no one."',
    "Copyright law changed in 1976.",
    "Copyright 1976 was the year in which American law caught up with the world.",
    "Share prices fell.",
    "Share this burden and it will be lighter.",
    "Read more books and you will live longer, the study found.",
    "Read the room, he was told.",
    "Comments were swift and furious.",
    "No comment.",
    "“No comment,” said the minister.",
    "Three comments by the chairman moved the market.",
    "Related works by the same painter hang in the Louvre.",
    "Most read the letter as a threat.",
    "Leave a message, she said, and I will call you back.",
    "Leave a light on.",
    "Join the army, his father told him, and see the world.",
    "Join the dots.",
    "Sign up or go to jail was the choice he was given.",
    "Follow us, said the soldiers, and nobody will be hurt.",
    "Like this, it will never work.",
    "Like us, they have always feared the sea.",
    "Back to the top of the mountain they climbed.",
    "Next came the children.",
    "Next year the tax will rise to five percent.",
    "Advertisement spending fell by a tenth.",
    "The advertisement, which ran for two weeks, was withdrawn.",
    "Home is where the heart is.",
    "Menu prices rose by three percent in June.",
    "Search parties found nothing.",
    "Log in hand, he went back to the fire.",
    "Cookies were served with tea.",
    "We use cookies and cream in this recipe.",
    "We use cookie cutters in the shape of stars and bake them for ten minutes.",
    "This site uses solar power to heat the water.",
    "The site uses cookies to track what visitors read, the regulator said, and fined the company 50 million euros.",
    "By continuing to build the plant, the government broke its promise.",
    "Photo evidence was presented to the court.",
    "Photo: that was the only word on the back of the letter, and nobody knew what it meant.",
    "Reuters reported on Monday that the talks had failed.",
    "Getty Images sued the company for copyright infringement.",
    "AP and AFP contributed nothing to the inquiry.",
    "Getty was born in Minneapolis in 1892.",
    "All rights reserved to the crown were abolished in 1848.",
    "Reproduction of the fish is prohibited by its low numbers.",
    "Reproduction without permission of the owner is an offence under the act, the court held.",
    "No part of this city was spared.",
    "No part of this story is true, the spokesman said, and no part of it may be used without permission in court.",
    "Unauthorised use of the drug is strictly prohibited in Japan.",
    "The views expressed by the minister shocked his party.",
    "The views are spectacular.",
    "Opinions differ.",
    "This story is true.",
    "This article of the treaty may not be changed without the consent of all members.",
    "Newsletter writers earn more than reporters, according to a survey.",
    "Sign up for the draft, the posters said.",
    "Get the news to your mother before she reads it in the paper.",
    "Register offices will remain closed until May.",
    "Please share your food with the hungry.",
    "Please keep the noise down, she asked them.",
    "Continue reading, he said, and turned away.",
    "Trending words are added to the dictionary each year.",
    "Tags on the goods showed that they had come from Spain.",
    "Categories were abolished.",
    "Page 3 of the report says otherwise.",
    "Play continued after the rain.",
    "Live music returned to the town.",
    "Loading the ship took three days.",
    "5 minutes later he was dead.",
    "12 people were hurt.",
    "Yes.",
    "1976",
    "42",
    "Baku",
    "See also his letters to his wife, which were published in 1922.",
    "See more of the world while you are young.",
    "You may also like the island in winter, when it is empty.",
    "You must be logged in to the system for at least an hour, the manual said, before the fault appears.",
    "Your email address is worth about 40 dollars to an advertiser.",
    "Enjoying power, he forgot his friends.",
    "Support for the war fell, and every day more free newspapers appeared in the city.",
    "Stay where you are.",
    "Get out of the house every morning and walk for an hour.",
    "Receive the news calmly, the doctor advised.",
    "Join us every Friday in the main square, the protesters wrote in an email to the students.",
    "If you buy a ticket you will receive a commission letter from the king.",
    "When you buy a house, no extra cost should surprise you.",
    "Disclaimer of the title was his first act as earl.",
    "Nothing in this site of ruins prepares the visitor for its size.",
    "The information on the stone is not intended as a joke, the curator said.",
    "Print it and burn it.",
    "Credit Suisse lost 60 billion francs.",
    "Credit: the word comes from the Latin for believe.",
    "Image is everything.",
    "Illustration by example is the oldest way to teach.",
    "Video killed the radio star.",
    "X marks the spot.",
    "Save the whales.",
    "Print and radio are in decline.",
    "Write a letter.",
    "Add a comment to each line of code, the guide says.",
    "Write a comment above each function and keep it short.",
    "Previous articles of the constitution were kept.",
    "Skip to the end and you will not understand the story.",
    "Close the door.",
    "Accept all of it or nothing.",
    "I agree to the terms, he wrote, and signed.",
    "Scroll to the end of the file and delete the last line.",
    "Click the button to share the screen with the others.",
    "Facebook bought Instagram in 2012.",
    "Facebook and Twitter fell.",
    "Twitter, Facebook and YouTube were blocked.",
    "Follow the money, the reporter was told.",
    "Follow the path to the river and turn left.",
    "The share of renewables rose.",
    "Sharing is caring.",
    "Share of voters: 40 percent",
    "Subscribers fled.",
    "Subscription prices rose to $15 a month in May.",
    "Sign in sheets were lost.",
    "Sign language was used.",
    "Register your car before May, the office says, or pay a fine.",
    "Registered voters: 4,000",
    "Join the union and you will earn more, the leaflet said.",
    "Join our fight, the rebels wrote.",
    "Get up, she said.",
    "Support fell.",
    "Comments like these hurt.",
    "Comment is free, but facts are sacred.",
    "The comments section of the report runs to 40 pages.",
    "Reply came there none.",
    "She left a comment below the picture.",
    "What do you think of the plan, he asked the crowd.",
    "What do you think the king did? He told us to share your bread with the poor and to let us know when it was gone.",
    "This website was built in 1999.",
    "Our site is on the river.",
    "Cookies crumble.",
    "Accepting cookies from strangers is unwise.",
    "By using the bridge, drivers save an hour.",
    "To provide the best care, hospitals need nurses.",
    "Copyright is a right.",
    "Copyright holders sued.",
    "The copyright in the song expired in 2012.",
    "Rights were reserved for men.",
    "Rights of way",
    "Reproduction is prohibited in the zoo's smallest cages.",
    "Republican leaders met.",
    "This work is published by Penguin.",
    "This content was first seen by police.",
    "Content is king.",
    "The opinions of the court are binding.",
    "Opinion polls do not represent the views of the young.",
    "The opinions expressed by the judges were those of the old school.",
    "Information on the attack is scarce.",
    "The information in the file is not intended for advice to the public.",
    "Disclosure of the file was refused.",
    "Affiliates of the group were banned.",
    "We may earn less next year.",
    "Sponsored by the state, the team won.",
    "Advertising is a business.",
    "Article 5 continues to apply after the war.",
    "Story telling",
    "More stories emerged of looting.",
    "More from the mine will come.",
    "Popular unrest followed.",
    "Older people voted for it.",
    "Next",
    "Previous governments failed.",
    "Contact with the ship was lost.",
    "News spread.",
    "Sport matters.",
    "Weather: rain.",
    "Topics included climate and energy.",
    "Science: a history of doubt",
    "Show him more.",
    "Play resumed.",
    "Video of the attack was posted.",
    "Java is an island.",
    "JavaScript is a language.",
    "JavaScript must be enabled in the browser for the attack to work, the researchers said.",
    "4 minutes passed.",
    "Reading time is precious.",
    "Apps are banned.",
    "Feedback from voters was poor.",
    "Error of judgement",
    "Photographs of the scene were sold.",
    "Picture the scene.",
    "Image rights were sold for 3m euros.",
    "Photo credit cards were stolen.",
    "Photo by photo, the story emerged.",
    "Image courtesy matters less than truth.",
    "Reuters is based in London.",
    "Getty died.",
    "Credit: 20 million euros",
    "Credits and debts",
    "Rate of change",
    "Tell the truth.",
    "Tags: a history",
    "Keywords in Culture",
    "Home Rule",
    "Home / away: 3-2",
    "About the author",
    "Search and rescue",
    "World News Service was founded in 1951.",
    "Business, politics and culture",
    "Politics, sport and religion",
    "Page 12 of 40 was missing.",
    "Page 1 of the letter reads: 'Dear John'.",
    "See more: that was his motto.",
    "Recommended: by the WHO",
    "Related: adjective, connected",
    "Watch: a timepiece worn on the wrist",
    "More: the life of a saint",
    "Email was invented in 1971.",
    "Share on share, the market fell.",
    "Follow him on foot.",
    "Find us a home, they begged.",
    "Share this story with your children, for they will need it.",
    "Subscribe to no doctrine.",
    "Two shares were sold.",
    "Sign here.",
    "Sign up today for the war, said the poster.",
    "Get unlimited power, the villain says.",
    "Thanks for all the fish.",
    "Please enter by the side door.",
    "Login failures rose.",
    "Comments have been sought.",
    "Leave your coat.",
    "Write a letter to the editor.",
    "Sort by size, then by colour.",
    "Load more coal.",
    "Your name is on the list.",
    "Post a letter.",
    "View from the bridge.",
    "One response to inflation is to raise rates.",
    "We use essential oils in this soap.",
    "This site uses water from the river.",
    "Cookie sales doubled.",
    "Your privacy is at risk.",
    "Privacy policy changed in 2018.",
    "Copyright 1984 by George Orwell was a phrase that he hated.",
    "All content was destroyed.",
    "This article may not be the last word.",
    "Text messages were leaked.",
    "The views and opinions of experts differ.",
    "Some links in the chain were weak.",
    "Ad hoc committees met.",
    "Scroll work covered the door.",
    "Skip Smith was elected.",
    "Back to school",
    "Back to work",
    "Read the label.",
    "See all sides.",
    "See also page 5.",
    "More on the war",
    "You might also need an umbrella.",
    "Popular music",
    "Top speed",
    "Latest figures show a rise.",
    "Older posts were removed from the fence.",
    "Previous convictions: none",
    "Home / office",
    "Policy makers",
    "Tagged fish were released.",
    "10 minutes to midnight",
    "Print money",
    "Listen to the people.",
    "Watch the skies.",
    "Enable and disable",
    "Was this the end?",
    "Report on the war",
    "Image of God",
    "Picture this.",
    "Photo finish",
    "Source: the Nile",
    "Source: Ministry of Finance",
    "Mehr Licht",
    "Lire et écrire",
    "Partager le pain",
    "Compartir es vivir.",
    "Поделиться хлебом было нечем.",
    "Читать он не умел.",
    "Teilen ist Kunst.",
    "Anzeige erstattet",
    "Werbung wirkt.",
    "Войти в дом он не мог.",
    "Publicité interdite",
    "Share this map and explain what it shows.",
    "Cookies on the plate",
    "Menu of options",
    "Help is coming.",
    "Jobs were lost.",
    "Careers in medicine",
    "Terms of trade",
    "Contact sports",
    "Press freedom",
    "Opinion is divided.",
    "Home News of the World",
    "Culture shock",
    "About us there is silence.",
    "Navigation by the stars",
    "Advertisement for a wife",
    "Reuters and AP were banned from the room.",
    "Agence France-Presse",
    "Copyright",
    "Disclaimer",
    "Trending downward",
    "Recommended for use in children",
    "Most popular name",
    "Editor's note: this story was corrected on Monday.",
    "Correction: an earlier version of this article misstated the year.",
    "The Associated Press contributed to this report.",
]

# Lines that mean nothing alone: a word of prose as likely as a button.
COMPANY = [
    "Tweet",
    "Reply",
    "Next",
    "Contact us",
    "Loading...",
    "Watch live",
    "Sponsored",
    "42",
    "Email",
    "Home",
    "Chats",
]


def found(text: str, title: str | None = None, format: str = "text") -> list[tuple[str, str]]:
    """Return the reason and the words of each mask."""
    document = Document("d", text, title=title, format=format)
    return [(mask.reason, document.slice(mask.span)) for mask in masks(document, blocks(document))]


def between(line: str) -> list[tuple[str, str]]:
    return found(f"{ABOVE}\n\n{line}\n\n{BELOW}")


def seed_masks(name: str) -> tuple[Document, list[Mask]]:
    (document,) = load(Source(Path("seeds") / name, name))
    assert isinstance(document, Document)
    return document, masks(document, blocks(document))


class TestSeeds:
    def test_the_first_article_loses_its_notice_and_its_comment_form_and_nothing_else(self) -> None:
        document, found = seed_masks("000_73dfa9be11753c50.txt")
        notice = next(line for line in document.text.split("\n") if line.startswith("©"))
        assert [(mask.reason, document.slice(mask.span)) for mask in found] == [
            ("copyright", notice),
            ("comments", "Be the first to comment"),
            ("comments", "Leave a Reply"),
            ("comments", "This site uses Akismet to reduce spam. Learn how your comment data is processed."),
        ]

    def test_the_second_article_loses_the_glued_caption_the_button_and_the_widgets_and_nothing_else(self) -> None:
        document, found = seed_masks("003_ef5e1746d28300d1.txt")
        lines = document.text.split("\n")
        caption = next(line for line in lines if line.startswith("© AP Photo / Ariel Schalit"))
        widgets = lines[lines.index("Newsfeed") :]
        assert len(widgets) == 7
        assert [(mask.reason, document.slice(mask.span)) for mask in found] == [
            ("repeated", caption),
            ("subscribe", "Subscribe"),
            *zip(["widget", "widget", "account", "account", "widget", "widget", "widget"], widgets, strict=True),
        ]


class TestLines:
    @pytest.mark.parametrize("reason", BOILERPLATE)
    def test_known_lines_are_masked_as_a_whole_and_their_neighbours_are_not(self, reason: str) -> None:
        lines = BOILERPLATE[reason]
        assert [between(line) for line in lines] == [[(reason, line)] for line in lines]

    def test_prose_with_the_same_words_is_kept(self) -> None:
        assert [line for line in PROSE if between(line)] == []
        assert [line for line in PROSE if found(f"{ABOVE}\n\n{BELOW}\n\n{line}")] == []
        assert [line for line in PROSE if found(f"# Title\n\n{ABOVE}\n\n{line}\n\n{BELOW}", format="markdown")] == []

    @pytest.mark.parametrize("reason", BOILERPLATE)
    def test_known_lines_inside_a_paragraph_are_prose(self, reason: str) -> None:
        quoted = [f"{ABOVE} The button said “{line}” and nobody knew why. {BELOW}" for line in BOILERPLATE[reason]]
        assert [line for line in quoted if between(line)] == []

    @pytest.mark.parametrize("line", COMPANY)
    def test_a_weak_wording_counts_only_beside_a_known_one(self, line: str) -> None:
        assert between(line) == []
        assert line in [words for _, words in between(f"Share this article\n{line}\nPrint this page")]

    def test_every_reason_is_documented_and_every_documented_one_is_used(self) -> None:
        tables = wordings().lines
        used = {reason for rows in tables.values() for reason, _ in rows}
        used |= {notice.reason for notice in wordings().notices}
        loaders = {"front_matter", "markup", "not_main_text", "repeated", "running_head"}
        assert used | loaders | {"separator"} == set(REASONS)
        assert set(BOILERPLATE) == set(REASONS) - loaders

    def test_long_paragraphs_are_never_notices(self) -> None:
        notice = "© 2024 The Paper. All rights reserved. This may not be reproduced without written permission."
        assert [reason for reason, _ in between(notice)] == ["copyright"]
        assert between(notice + " " + ABOVE * 20) == []


class TestPages:
    def test_a_news_page_keeps_its_article(self) -> None:
        page = (
            "Skip to content\nMenu\nSearch\nHome\nNews\nSport\n\n"
            "Bridge closed until further notice\n\n"
            "By Jane Doe\n\n3 May 2021\n\n"
            "Share this article\nFacebook\nTwitter\nCopy link\n\n"
            f"{ABOVE}\n\n"
            "Advertisement\n\n"
            "The bridge in 2019, before the flood. (Photo by Sean Gallup/Getty Images)\n\n"
            f"{BELOW}\n\n"
            "Cost of the work\n\n"
            "The city expects to pay about two million euros, most of it for steel and for the ferry.\n\n"
            "Related articles\n\nRead more: Ferry to start in June\n\n"
            "Sign up for our daily newsletter\nYour email\nSubscribe\n\n"
            "© 2021 The Example Post. All rights reserved.\nPrivacy Policy | Terms of Use | Contact"
        )
        masked = [words for _, words in found(page)]
        kept = page
        for words in masked:
            assert kept.count(words) >= 1
            kept = kept.replace(words, "", 1)
        assert [line for line in re.split(r"\n+", kept) if line.strip()] == [
            "Bridge closed until further notice",
            "By Jane Doe",
            "3 May 2021",
            ABOVE,
            "The bridge in 2019, before the flood. ",
            BELOW,
            "Cost of the work",
            "The city expects to pay about two million euros, most of it for steel and for the ferry.",
        ]

    def test_what_stands_among_the_furniture_at_the_end_goes_with_it(self) -> None:
        tail = ["Newsfeed", "0", "log in or register", "Chats", "Название материала"]
        assert [words for _, words in found(f"{ABOVE}\n\n" + "\n".join(tail))] == tail

    def test_a_list_at_the_end_is_kept_when_little_of_it_is_known(self) -> None:
        ingredients = ["two eggs", "a cup of milk", "some flour", "salt", "butter"]
        text = f"{ABOVE}\n\nPrint this page\n" + "\n".join(ingredients) + "\nShare this page"
        assert [words for _, words in found(text)] == ["Print this page", "Share this page"]

    def test_the_title_is_kept_whatever_it_says(self) -> None:
        assert found(f"Leave a comment\n\n{ABOVE}\n\n{BELOW}") == []

    def test_a_document_that_would_keep_nothing_is_kept(self) -> None:
        assert found("We use cookies to improve your experience. By continuing you agree to our cookie policy.") == []
        assert found("Subscribe now") == []
        assert found("---\ntitle: x\n---\n\n***\n\n# Only a heading\n", format="markdown") == [
            ("front_matter", "---\ntitle: x\n---"),
            ("separator", "***"),
        ]

    def test_a_document_about_cookies_keeps_its_paragraphs_about_them(self) -> None:
        text = f"We use cookies to improve your experience. You agree to them by using the site.\n\n{ABOVE}"
        assert [reason for reason, _ in found(text)] == ["cookies"]
        assert found(text, title="Our privacy policy") == []


class TestRepeated:
    CAPTION = (
        "An excavator at the old bridge, which was closed on Monday after cracks had been found in two of its pillars"
    )

    def test_the_copy_with_the_glued_credit_goes_wherever_it_stands(self) -> None:
        glued = f"© AFP / Jane Doe{self.CAPTION}"
        plain = f"{self.CAPTION} - The Example Post"
        for one, two in ((glued, plain), (plain, glued)):
            assert found(f"{ABOVE}\n\n{one}\n\n{two}\n\n{BELOW}") == [("repeated", glued)]
        assert found(f"{ABOVE}\n\n{glued}\n\n{BELOW}") == []

    def test_a_credit_at_the_end_counts_too(self) -> None:
        glued = f"{self.CAPTION}.Photo: Jane Doe/Reuters"
        assert found(f"{ABOVE}\n\n{glued}\n\n{self.CAPTION}.\n\n{BELOW}") == [("repeated", glued)]

    def test_of_equal_neighbours_the_later_goes(self) -> None:
        text = f"{ABOVE}\n\n{self.CAPTION}\n\n{self.CAPTION}\n\n{BELOW}"
        document = Document("d", text)
        (mask,) = masks(document, blocks(document))
        assert mask.span.start == text.rindex(self.CAPTION)

    def test_paragraphs_that_differ_in_a_word_or_stand_far_apart_are_both_kept(self) -> None:
        other = self.CAPTION.replace("two", "three")
        assert found(f"{ABOVE}\n\n{self.CAPTION}\n\n{other}\n\n{BELOW}") == []
        glued = [f"© AFP {self.CAPTION} {more}" for more in ("in the west", "in the east of the town")]
        assert found(f"{ABOVE}\n\n{glued[0]}\n\n{glued[1]}\n\n{BELOW}") == []
        calls = [f"Returns whether the object that was given stands for a {what}." for what in ("file", "pipe")]
        assert found(f"{ABOVE}\n\n{calls[0]}\n\n{calls[1]}\n\n{BELOW}") == []
        far = "\n\n".join(f"Paragraph number {n} says something about the bridge." for n in range(12))
        assert found(f"{self.CAPTION}\n\n{far}\n\n{self.CAPTION}") == []

    def test_the_same_words_under_another_heading_are_kept(self) -> None:
        assert found(f"# One\n\n{ABOVE}\n\n# Two\n\n{ABOVE}", format="markdown") == []
        assert found(f"# One\n\n{ABOVE}\n\n{ABOVE}", format="markdown") == [("repeated", ABOVE)]

    def test_short_lines_may_be_repeated(self) -> None:
        assert found(f"{ABOVE}\n\nThe rain.\n\nThe rain.\n\n{BELOW}") == []


class TestMarkdown:
    def test_front_matter_markup_and_rules_are_masked(self) -> None:
        text = (
            "---\ntitle: x\n---\n\n<!-- a\n\ncomment -->\n\n[![Build](b.svg)](http://b) [![Docs](d.svg)](http://d)\n\n"
            f"# Title\n\n{ABOVE}\n\n***\n\n![A cat](cat.png)\n\n"
            "Prose with <b>tags</b>.\n\n<https://example.org/a>\n\n[one]: http://one 'One'\n[two]: http://two\n"
        )
        assert [reason for reason, _ in found(text, format="markdown")] == [
            "front_matter",
            "markup",
            "separator",
            "markup",
        ]

    def test_a_chapter_may_be_called_subscribe(self) -> None:
        text = f"# Manual\n\n## Subscribe\n\n{ABOVE}\n\n## Share this page\n\n- Facebook\n"
        assert [words for _, words in found(text, format="markdown")] == ["## Share this page", "- Facebook"]

    def test_code_and_tables_are_content(self) -> None:
        text = f"{ABOVE}\n\n```\nSubscribe now\n```\n\n| Share this article |\n|---|\n| Advertisement |\n"
        assert found(text, format="markdown") == []


def test_a_line_that_repeats_a_piece_of_itself_takes_no_time(tmp_path: Path) -> None:
    """A wording that can be met in many ways tries them all before it gives up."""
    random_ = random.Random(5)

    def longer(line: str) -> str:
        start = random_.randrange(len(line))
        end = start + random_.choice((1, 1, 2, 3, 6))
        length = random_.choice((MAX_SIGNATURE_CHARACTERS, MAX_LINE_CHARACTERS)) - 1
        return (line[:start] + line[start:end] * length)[:length] + "~"

    known = [line for lines in BOILERPLATE.values() for line in lines]
    text = "\n\n".join(longer(random_.choice(known)) for _ in range(1_500))

    def check(data: bytes) -> None:
        found(data.decode())

    assert finding(check, text.encode(), tmp_path / "now") is None


def test_a_credit_in_brackets_at_the_end_of_a_caption_is_masked_alone() -> None:
    for credit in (
        "(AP Photo/Jane Doe, File)",
        "(Photo by Jane Doe/Getty Images)",
        "[Photo: Reuters]",
        "(Image credit: NASA)",
    ):
        assert between(f"The old bridge on Monday. {credit}") == [("credit", credit)]
    for aside in ("(AP)", "(the photo by Jane Doe was lost)", "(see image 5)", "(Photos of it exist.)"):
        assert between(f"The old bridge on Monday. {aside}") == []


NASTY = (
    st.lists(
        st.sampled_from(
            [
                *'aB1 .!?"()[]-#*_=|>\n\r\x00\x0c\u00a0\u2028\u200f\u0301©',
                *(
                    "\n\n",
                    "\r\n",
                    "Subscribe",
                    "Share this article",
                    "© 2024 ",
                    "Photo: ",
                    "AP Photo / ",
                    "Facebook ",
                    "---\n",
                ),
                *(
                    "We use cookies ",
                    "<!-- ",
                    " -->",
                    "All rights reserved. ",
                    ABOVE,
                    BELOW,
                    "Newsfeed\n",
                    "0\n",
                    "مرحبا؟ ",
                    "今日は。",
                ),
            ]
        ),
        max_size=40,
    )
    .map("".join)
    .filter(str.strip)
)


@pytest.mark.thorough
@settings(max_examples=examples(300))
@given(NASTY, st.sampled_from(["text", "markdown"]))
def test_masks_lie_in_blocks_in_order_apart_and_with_known_reasons(text: str, format: str) -> None:
    document = Document("d", text, format=format)
    parts = blocks(document)
    end = 0
    for mask in masks(document, parts):
        assert mask.reason in REASONS
        assert end <= mask.span.start < mask.span.end
        assert any(part.span.contains(mask.span) for part in parts)
        end = mask.span.end


@settings(max_examples=examples(100))
@given(st.lists(st.sampled_from([ABOVE, BELOW, *PROSE[:20]]), min_size=1, max_size=8, unique=True))
def test_articles_of_prose_lose_nothing(paragraphs: list[str]) -> None:
    assert found("\n\n".join(paragraphs)) == []
