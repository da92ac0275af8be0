#include "pipeline/parser_labels.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { NAME = 96 }; /* bytes of a name that are looked at */

typedef struct meaning {
    int class;
    const char *names; /* in the singular, between commas */
} meaning;

/* ATR (Liang 2015), LIP (Gong 2017) and CIHP, Fashionpedia (Jia 2020), DeepFashion2, FASHN's human parser,
 * Pascal-Person- Part, and words like theirs. Legs are cloth's place whatever is on them, so what is worn under or over
 * them is leg. */
static const meaning meanings[] = {
    {DR_LABEL_BACKGROUND, ",background,unlabelled,unlabeled,void,ignore,null,none,umbrella,jewelry,jewellery,necklace,"
                          "earring,earrings,accessory,accessories,phone,"},
    {DR_LABEL_HAT, ",hat,cap,helmet,headwear,headgear,beanie,headband,head covering,hair accessory,head accessory,"},
    {DR_LABEL_HAIR, ",hair,"},
    {DR_LABEL_SUNGLASSES, ",sunglass,sunglasses,glass,glasses,eyeglass,eyeglasses,eyewear,goggle,goggles,"},
    {DR_LABEL_UPPER,
     ",upper clothes,upper cloth,upper clothing,upper garment,upper,upper body clothes,upperclothes,top,shirt,blouse,"
     "t shirt,tshirt,tee,sweatshirt,sweater,hoodie,hoody,pullover,cardigan,jacket,vest,coat,blazer,suit,cape,poncho,"
     "outer,outerwear,outwear,outer clothing,outer garment,tank top,camisole,sling,short sleeve top,long sleeve top,"
     "short sleeved shirt,long sleeved shirt,short sleeve outwear,long sleeve outwear,short sleeved outwear,"
     "long sleeved outwear,bra,"},
    {DR_LABEL_SKIRT, ",skirt,miniskirt,mini skirt,"},
    {DR_LABEL_PANTS,
     ",pant,pants,trouser,trousers,jean,jeans,short,shorts,legging,leggings,lower clothes,lower clothing,"
     "lower garment,lower,lower body clothes,bottom,"},
    {DR_LABEL_DRESS,
     ",dress,gown,jumpsuit,romper,playsuit,overall,overalls,dungarees,one piece,onepiece,robe,bodysuit,"
     "short sleeve dress,long sleeve dress,short sleeved dress,long sleeved dress,vest dress,sling dress,"},
    {DR_LABEL_BELT, ",belt,"},
    {DR_LABEL_LEFT_SHOE, ",shoe,boot,footwear,sneaker,sandal,heel,foot,feet,slipper,"},
    {DR_LABEL_FACE, ",face,neck,head,"},
    {DR_LABEL_LEFT_LEG, ",leg,upper leg,lower leg,thigh,calf,sock,stocking,tight,tights,leg warmer,hosiery,"},
    {DR_LABEL_LEFT_ARM, ",arm,upper arm,lower arm,forearm,hand,glove,watch,bracelet,ring,wristband,"},
    {DR_LABEL_BAG, ",bag,wallet,purse,handbag,backpack,clutch,"},
    {DR_LABEL_SCARF, ",scarf,scarve,scarves,shawl,"},
    {DR_CLASS_UPPER_PART, ",collar,lapel,epaulette,sleeve,neckline,hood,tie,bow tie,necktie,cuff,"},
    {DR_CLASS_ANY_PART, ",pocket,buckle,zipper,zip,applique,bead,bow,flower,fringe,ribbon,rivet,ruffle,sequin,tassel,"
                        "button,print,logo,"},
    {DR_CLASS_TORSO, ",torso,body,belly,chest,"},
};

/* Lower case, one space between words, without words that say nothing or the side; *right where that was said. */
static void plain(char out[NAME], const char *name, size_t n, bool *right)
{
    static const char *const idle[] = {"left", "right", "region", "area", "skin", "the", "l", "r"};
    size_t at = 0;
    *right = false;
    for (size_t i = 0; i < n;) {
        char word[NAME];
        size_t length = 0;
        for (; i < n && isalnum((unsigned char)name[i]); i++)
            if (length + 1 < sizeof word)
                word[length++] = (char)tolower((unsigned char)name[i]);
        while (i < n && !isalnum((unsigned char)name[i]))
            i++;
        word[length] = 0;
        bool skip = length == 0;
        for (size_t k = 0; k < sizeof idle / sizeof *idle; k++)
            skip = skip || strcmp(word, idle[k]) == 0;
        *right = *right || strcmp(word, "right") == 0 || strcmp(word, "r") == 0;
        if (skip || at + length + 2 > NAME)
            continue;
        if (at)
            out[at++] = ' ';
        memcpy(out + at, word, length);
        at += length;
    }
    out[at] = 0;
}

static int look_up(const char *name)
{
    char key[NAME + 2];
    size_t n = strlen(name);
    key[0] = ',';
    memcpy(key + 1, name, n);
    for (int cut = 0; n > 0 && cut < 2; cut++) { /* as it is, then without the plural's s */
        key[n + 1] = ',';
        key[n + 2] = 0;
        for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
            if (strstr(meanings[i].names, key))
                return meanings[i].class;
        if (key[n] != 's')
            break;
        n--;
    }
    return DR_CLASS_UNKNOWN;
}

static int sided(int class, bool right)
{
    bool has_side = class == DR_LABEL_LEFT_SHOE || class == DR_LABEL_LEFT_LEG || class == DR_LABEL_LEFT_ARM;
    return has_side && right ? class + 1 : class;
}

int dr_class_named(const char *name)
{
    char words[NAME];
    bool right;
    size_t n = strlen(name);
    plain(words, name, n, &right);
    int class = look_up(words);
    for (size_t from = 0; class == DR_CLASS_UNKNOWN && from < n;) { /* "shirt, blouse": what of it is known */
        size_t length = strcspn(name + from, ",/&(");
        bool part_right;
        plain(words, name + from, length, &part_right);
        class = look_up(words);
        from += length + 1;
    }
    return sided(class, right);
}
